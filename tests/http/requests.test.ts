import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createUser } from '../helpers/factories.ts';
import { post } from '../helpers/post.ts';
import { countRows } from '../helpers/rows.ts';

// Whatever is wrong with a request, the answer is JSON with one clear error, and nothing is written.

let app: TestApp;
let rowsBefore: Record<string, number>;

beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'api-calls' });
  await createUser(app.database.prisma, { id: '124' });
});
afterAll(() => app.close());

beforeEach(async () => {
  rowsBefore = await countRows(app.database);
});
afterEach(async () => {
  expect(await countRows(app.database)).toEqual(rowsBefore);
});

const create = 'mutation ($input: CreateUserInput!) { createUser(input: $input) { id metadata } }';
const variables = { input: { id: 'new' } };
const json = 'application/json; charset=utf-8';

const refusal = (status: number, code: string, message: unknown) => ({
  status,
  type: json,
  body: { errors: [{ message, extensions: { code } }] },
});

describe('a request that holds no operation is refused with 400 BAD_REQUEST', () => {
  const noJson = expect.stringMatching(/^The body is not JSON: ./);
  const noObject = 'The body must be a JSON object such as { "query": "…", "variables": { … } }.';
  const noQuery = 'query must be a string that holds the operation.';
  const noVariables = 'variables must be a JSON object, or a string that holds one.';
  const withVariables = (given: unknown) => JSON.stringify({ query: create, variables: given });

  test.each<[string, string | Buffer<ArrayBuffer>, unknown]>([
    ['an empty body', '', noJson],
    ['a body that is cut off', `{"query": ${JSON.stringify(create)}`, noJson],
    ['a body that is not UTF-8', Buffer.from('{"query":"{ user(id: \\"é\\") { id } }"}', 'latin1'), noJson],
    ['null', 'null', noObject],
    ['a string', JSON.stringify(create), noObject],
    ['a list of operations', JSON.stringify([{ query: create, variables }]), noObject],
    ['no query', JSON.stringify({ variables }), noQuery],
    ['a query of null', JSON.stringify({ query: null, variables }), noQuery],
    ['a query that is an object', JSON.stringify({ query: { create }, variables }), noQuery],
    ['variables in a string that is not JSON', withVariables('{ \\id\\: "124"}'), noVariables],
    ['variables in a string that holds a list', withVariables('[{}]'), noVariables],
    ['variables in a string that holds null', withVariables('null'), noVariables],
    ['variables in an empty string', withVariables(''), noVariables],
    ['variables in a list', withVariables([variables]), noVariables],
    ['variables that are a number', withVariables(1), noVariables],
    [
      'an operationName that is no string',
      JSON.stringify({ query: create, variables, operationName: 1 }),
      'operationName must be a string.',
    ],
  ])('%s', async (_what, body, message) => {
    expect(await post(app, body)).toEqual(refusal(400, 'BAD_REQUEST', message));
  });
});

describe('an operation that is named by its hash alone, as persisted queries are, is asked for', () => {
  const extensions = { persistedQuery: { version: 1, sha256Hash: 'ab' } };
  const answer = {
    status: 200,
    type: json,
    body: {
      errors: [
        { message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } },
      ],
    },
  };

  test('by POST', async () => {
    expect(await post(app, JSON.stringify({ operationName: 'A', variables: {}, extensions }))).toEqual(
      answer,
    );
  });

  test('by GET', async () => {
    const { status, body } = await app.http
      .get('/graphql')
      .query({ operationName: 'A', variables: '{}', extensions: JSON.stringify(extensions) })
      .set('Authorization', app.keys.test);
    expect([status, body]).toEqual([200, answer.body]);
  });

  test('and answered if the operation is there too', async () => {
    const query = 'query A { users { id } }';
    expect((await post(app, JSON.stringify({ query, extensions }))).body).toEqual({
      data: { users: [{ id: '124' }] },
    });
  });
});

describe('the type of a body', () => {
  const body = JSON.stringify({ query: create, variables });

  test.each(['text/plain', 'application/graphql', 'application/xml', 'multipart/form-data; boundary=x'])(
    '%s is refused with 415',
    async (type) => {
      expect(await post(app, body, { 'Content-Type': type })).toEqual(
        refusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send JSON, with the header Content-Type: application/json.'),
      );
    },
  );

  test('a compressed body is refused with 415', async () => {
    expect(await post(app, body, { 'Content-Encoding': 'gzip' })).toEqual(
      refusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send the body without a Content-Encoding.'),
    );
  });

  test('a body that says it is not compressed is read', async () => {
    const query = JSON.stringify({ query: '{ users { id } }' });
    const { status } = await post(app, query, { 'Content-Encoding': 'identity' });
    expect(status).toBe(200);
  });

  test.each([
    'application/json; charset=utf-8',
    'Application/JSON',
    // What cURL says when it is told nothing, as in the original's older examples.
    'application/x-www-form-urlencoded',
  ])('%s is taken for JSON', async (type) => {
    const query = JSON.stringify({ query: '{ users { id } }' });
    expect(await post(app, query, { 'Content-Type': type })).toEqual({
      status: 200,
      type: json,
      body: { data: { users: [{ id: '124' }] } },
    });
  });
});

describe('the type of an answer', () => {
  const answers: [string, string, number][] = [
    ['*/*', json, 200],
    ['text/html', json, 200],
    ['text/event-stream', json, 200],
    ['application/json', json, 200],
    ['application/graphql-response+json', 'application/graphql-response+json; charset=utf-8', 400],
  ];

  test.each(answers)('to a client that accepts %s is %s', async (accept, type) => {
    const answer = await post(app, JSON.stringify({ query: '{ users { id } }' }), { Accept: accept });
    expect(answer).toEqual({ status: 200, type, body: { data: { users: [{ id: '124' }] } } });
  });

  test.each(answers)(
    'tells a client that accepts %s of a wrong operation: %s, %i',
    async (accept, type, status) => {
      const answer = await post(app, JSON.stringify({ query: '{ nonsense }' }), { Accept: accept });
      expect(answer).toMatchObject({ type, status });
    },
  );
});

describe('an operation that GraphQL refuses answers 200 and its code', () => {
  const input = (given: object) => ({ input: given });

  test.each<[string, string, object, string, string]>([
    ['a syntax error', '{ users', {}, 'GRAPHQL_PARSE_FAILED', 'Syntax Error: Expected Name, found <EOF>.'],
    ['an empty operation', '', {}, 'GRAPHQL_PARSE_FAILED', 'Syntax Error: Unexpected <EOF>.'],
    [
      'an unknown query',
      '{ plans { id } }',
      {},
      'GRAPHQL_VALIDATION_FAILED',
      'Cannot query field "plans" on type "Query". Did you mean "grants"?',
    ],
    [
      'an unknown mutation',
      'mutation { destroy }',
      {},
      'GRAPHQL_VALIDATION_FAILED',
      'Cannot query field "destroy" on type "Mutation".',
    ],
    [
      'a literal of the wrong type',
      'mutation { createUser(input: {id: 124}) { id } }',
      {},
      'GRAPHQL_VALIDATION_FAILED',
      'input.id: String cannot represent a non string value: 124',
    ],
    [
      'an enum that has no such value',
      'mutation { createFeature(input: {id: "new", type: METERED}) { id } }',
      {},
      'GRAPHQL_VALIDATION_FAILED',
      'input.type: Value "METERED" does not exist in "FeatureType" enum.',
    ],
    [
      'a literal of the wrong type within lists',
      'mutation { createPackage(input: {id: "new", features: [{id: "a"}, {id: 1}]}) { id } }',
      {},
      'GRAPHQL_VALIDATION_FAILED',
      'input.features.1.id: String cannot represent a non string value: 1',
    ],
    [
      'an integer in the operation that is too large',
      '{ users(first: 2147483648) { id } }',
      {},
      'GRAPHQL_VALIDATION_FAILED',
      'first: Int cannot represent non 32-bit signed integer value: 2147483648',
    ],
    [
      'null in the operation for what must be there',
      '{ user(id: null) { id } }',
      {},
      'GRAPHQL_VALIDATION_FAILED',
      'id: Expected value of type "String!", found null.',
    ],
    [
      'the default of a variable that is of the wrong type',
      'query ($first: Int = "ten") { users(first: $first) { id } }',
      {},
      'GRAPHQL_VALIDATION_FAILED',
      '$first: Int cannot represent non-integer value: "ten"',
    ],
    [
      'a subscription',
      'subscription { users { id } }',
      {},
      'BAD_USER_INPUT',
      'Schema is not configured to execute subscription operation.',
    ],
    [
      'a variable of the wrong type',
      create,
      input({ id: 124 }),
      'BAD_USER_INPUT',
      'Variable "$input" got invalid value 124 at "input.id"; String cannot represent a non string value: 124',
    ],
    [
      'a missing variable',
      create,
      {},
      'BAD_USER_INPUT',
      'Variable "$input" of required type "CreateUserInput!" was not provided.',
    ],
    [
      'a missing field of a variable',
      create,
      input({ name: 'New' }),
      'BAD_USER_INPUT',
      'Variable "$input" got invalid value { name: "New" }; Field "id" of required type "String!" was not provided.',
    ],
    [
      'an unknown field of a variable',
      create,
      input({ id: 'new', quota: 5 }),
      'BAD_USER_INPUT',
      'Variable "$input" got invalid value { id: "new", quota: 5 }; Field "quota" is not defined by type "CreateUserInput".',
    ],
    [
      'null for what must be there',
      'query ($id: String = "124") { user(id: $id) { id } }',
      { id: null },
      'BAD_USER_INPUT',
      'Argument "id" of non-null type "String!" must not be null.',
    ],
    [
      'an integer too large',
      'query ($first: Int) { users(first: $first) { id } }',
      { first: 2 ** 31 },
      'BAD_USER_INPUT',
      'Variable "$first" got invalid value 2147483648; Int cannot represent non 32-bit signed integer value: 2147483648',
    ],
    [
      'a time in a variable that is none',
      'mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }',
      input({ userId: '124', featureId: 'api-calls', timestamp: 'today' }),
      'BAD_USER_INPUT',
      'Variable "$input" got invalid value "today" at "input.timestamp"; DateTime must be an ISO 8601 string such as "2022-01-21T16:08:09.640Z".',
    ],
    [
      'a time in the operation that is none',
      'mutation { recordUsage(input: {userId: "124", featureId: "api-calls", timestamp: "today"}) { recorded } }',
      {},
      'BAD_USER_INPUT',
      'input.timestamp: DateTime must be an ISO 8601 string such as "2022-01-21T16:08:09.640Z".',
    ],
  ])('%s', async (_what, query, given, code, message) => {
    const answer = await post(app, JSON.stringify({ query, variables: given }));
    const exception = { name: 'ValidationError', message };
    const extensions = code === 'GRAPHQL_PARSE_FAILED' ? { code } : { code, exception };
    expect(answer).toMatchObject({
      status: 200,
      type: json,
      body: { errors: [{ message, locations: [expect.anything()], extensions }] },
    });
    expect(answer.body.errors).toHaveLength(1);
    expect(answer.body.data ?? null).toBeNull();
  });
});

test('a variable of the wrong type for its place is named once', async () => {
  const query = 'query ($first: String) { users(first: $first) { id } }';
  const { body } = await post(app, JSON.stringify({ query }));
  expect(body.errors).toMatchObject([
    { message: 'Variable "$first" of type "String" used in position expecting type "Int".' },
  ]);
});

test('each of several wrong values is named, and again when the same operation is sent again', async () => {
  const usage = (timestamp: string) => `{userId: "124", featureId: "f", timestamp: "${timestamp}"}`;
  const query = `mutation { recordUsages(input: [${usage('a')}, ${usage('2022-01-21')}, ${usage('b')}]) { recorded } }`;
  for (const _again of [1, 2]) {
    const { body } = await post(app, JSON.stringify({ query }));
    expect(body.errors.map(({ message }: { message: string }) => message.split(':')[0])).toEqual([
      'input.0.timestamp',
      'input.2.timestamp',
    ]);
  }
});

test('an operation that the body does not hold is refused', async () => {
  const query = 'query A { users { id } } query B { features { id } }';
  const message = 'Could not determine what operation to execute.';
  for (const operationName of ['C', undefined])
    expect(await post(app, JSON.stringify({ query, operationName }))).toEqual(
      refusal(400, 'OPERATION_RESOLUTION_FAILURE', message),
    );
});

describe('an input that breaks a rule answers 200 BAD_USER_INPUT and names the field', () => {
  const usages = 'mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded } }';
  const usage = { userId: '124', featureId: 'api-calls' };
  const createPackage = 'mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }';
  const entitlement = (limit: number) => ({ id: 'api-calls', entitlement: { limit, resetPeriod: 'MONTH' } });

  test.each<[string, string, object, string]>([
    ['a blank id', create, { input: { id: ' ' } }, 'input.id: must not be blank'],
    [
      'an id too long',
      create,
      { input: { id: 'x'.repeat(256) } },
      'input.id: must be at most 255 characters',
    ],
    [
      'a negative limit',
      createPackage,
      { input: { id: 'pro', features: [entitlement(-1)] } },
      'input.features.0.entitlement.limit: must be 0 or more',
    ],
    [
      'metadata in a list',
      create,
      { input: { id: 'new', metadata: [] } },
      'input.metadata: must be a JSON object',
    ],
    [
      'metadata in a string',
      create,
      { input: { id: 'new', metadata: '{}' } },
      'input.metadata: must be a JSON object',
    ],
    [
      'metadata too long',
      create,
      { input: { id: 'new', metadata: { note: 'x'.repeat(16_384) } } },
      'input.metadata: must be at most 16 KiB',
    ],
    [
      '1,001 usages',
      usages,
      { input: Array.from({ length: 1_001 }, () => usage) },
      'input: must hold at most 1,000 usages',
    ],
    ['a page too long', '{ users(first: 1001) { id } }', {}, 'first: must be at most 1000'],
  ])('%s', async (_what, query, given, message) => {
    expect(await post(app, JSON.stringify({ query, variables: given }))).toMatchObject({
      status: 200,
      body: {
        data: null,
        errors: [
          {
            message,
            extensions: { code: 'BAD_USER_INPUT', exception: { name: 'ValidationError', message } },
          },
        ],
      },
    });
  });
});

describe('an id with a control character is refused', () => {
  const bad = 'a\u0000b';
  const someId = { id: bad };
  const price = '{id: "p", amount: 1, currency: "gbp"}';

  test.each<[string, string, object?]>([
    ['query ($id: String!) { feature(id: $id) { id } }', 'id'],
    ['query ($id: String!) { package(id: $id) { id } }', 'id'],
    ['query ($id: String!) { user(id: $id) { id } }', 'id'],
    ['query ($id: String!) { subscription(id: $id) { id } }', 'id'],
    ['query ($id: String!) { subscriptions(userId: $id) { id } }', 'userId'],
    ['query ($id: String!) { users(after: $id) { id } }', 'after'],
    ['query ($id: String!) { packages(status: $id) { id } }', 'status'],
    ['query ($id: String!) { canUseFeature(userId: $id, featureId: "api-calls") { access } }', 'userId'],
    ['query ($id: String!) { canUseFeature(userId: "124", featureId: $id) { access } }', 'featureId'],
    [
      'query ($id: String!) { showUsage(userId: $id, featureId: "api-calls") { past { periodStart } } }',
      'userId',
    ],
    ['query ($id: String!) { entitlements(userId: "124", featureId: $id) { access } }', 'featureId'],
    ['query ($id: String!) { feature(id: "api-calls") { entitlement(userId: $id) { access } } }', 'userId'],
    ['mutation ($id: String!) { createFeature(input: {id: $id, type: BINARY}) { id } }', 'input.id'],
    ['mutation ($id: String!) { updateFeature(id: $id, input: {}) { id } }', 'id'],
    ['mutation ($id: String!) { createPackage(input: {id: $id, features: []}) { id } }', 'input.id'],
    [
      'mutation ($id: String!) { createPackage(input: {id: "p", features: {id: $id}}) { id } }',
      'input.features.0.id',
    ],
    ['mutation ($id: String!) { publishPackage(id: $id) { id } }', 'id'],
    [`mutation ($id: String!) { setPackagePrice(packageId: $id, input: ${price}) { id } }`, 'packageId'],
    ['mutation ($id: String!) { createUser(input: {id: $id}) { id } }', 'input.id'],
    ['mutation ($id: String!) { updateUser(id: "124", input: {id: $id}) { id } }', 'input.id'],
    ['mutation ($id: String!) { subscribe(userId: "124", packageIds: [$id]) { id } }', 'packageIds.0'],
    ['mutation ($id: String!) { subscribe(userId: $id, packageIds: ["pro"]) { id } }', 'userId'],
    ['mutation ($id: String!) { cancelSubscription(id: $id) { id } }', 'id'],
    [
      'mutation ($id: String!) { recordUsage(input: {userId: $id, featureId: "api-calls"}) { recorded } }',
      'input.userId',
    ],
    [
      'mutation ($id: String!) { recordUsage(input: {userId: "124", featureId: $id}) { recorded } }',
      'input.featureId',
    ],
  ])('%s', async (query, field) => {
    const { body } = await post(app, JSON.stringify({ query, variables: someId }));
    expect(body.errors).toEqual([
      expect.objectContaining({
        message: expect.stringMatching(new RegExp(`^${field}: `)),
        extensions: expect.objectContaining({ code: 'BAD_USER_INPUT' }),
      }),
    ]);
  });
});
