import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage } from '../../helpers/factories.ts';
import { statementsOf } from '../../helpers/statements.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'calls' });
  await createPackage(app.database.prisma, { id: 'pro', features: ['calls'] });
});
afterAll(() => app.close());

const send = async (query: string, path = '/graphql', key = app.keys.test) =>
  (await app.http.post(path).set('Authorization', key).set('X-User-ID', 'ada').send({ query })).body;
const refusal = (message: string) => ({
  errors: [
    {
      message,
      locations: [{ line: 1, column: 1 }],
      extensions: { code: 'GRAPHQL_VALIDATION_FAILED', exception: { name: 'ValidationError', message } },
    },
  ],
});

const deep = (levels: number) =>
  `{ packages { ${'basePackages { '.repeat(levels - 2)}id${' }'.repeat(levels - 2)} } }`;
const aliased = (count: number) =>
  `{ ${Array.from({ length: count }, (_, index) => `a${index}: feature(id: "calls") { id }`).join(' ')} }`;
const directed = (count: number) =>
  `{ feature(id: "calls") { id ${'name @include(if: true) '.repeat(count)}} }`;

describe('an operation at the limit passes, and one past it is told why not:', () => {
  test('aliases', async () => {
    expect(await send(aliased(1_000))).not.toHaveProperty('errors');
    expect(await send(aliased(1_001))).toEqual(refusal('The operation has more than 1000 aliases.'));
  });

  test('directives, also where one directive is several times in a fragment', async () => {
    expect(await send(directed(100))).not.toHaveProperty('errors');
    expect(await send(directed(101))).toEqual(refusal('The operation has more than 100 directives.'));
    const spread = `query { feature(id: "calls") { ${'...F '.repeat(34)}} } fragment F on Feature { id @include(if: true) name @include(if: true) type @include(if: true) }`;
    expect(await send(spread)).toEqual(refusal('The operation has more than 100 directives.'));
  });

  test('levels', async () => {
    const tooDeep = 'The operation has more than 15 levels of fields.';
    const messages = async (query: string) =>
      ((await send(query)).errors ?? []).map((each: Error) => each.message);
    expect(await messages(deep(15))).not.toContain(tooDeep);
    expect(await messages(deep(16))).toContain(tooDeep);
  });

  test('what is asked for, lists within lists', async () => {
    const tooMuch =
      'The operation asks for more than 2000000 fields, with every list in it counted as 10 items.';
    // packages: 1, and 10 times: addons: 1, and 10 times: …; a field costs 1.
    const lists = (fields: number) =>
      `{ packages { addons { addons { addons { addons { ${Array.from({ length: fields }, (_, index) => `f${index}: id`).join(' ')} } } } } } }`;
    // 1 + 10 (1 + 10 (1 + 10 (1 + 10 (1 + 10 n)))) is 11,111 + 100,000 n.
    expect(await send(lists(19))).not.toHaveProperty('errors');
    expect(await send(lists(20))).toEqual(refusal(tooMuch));
  });

  test('what is asked for by fragments that spread fragments, measured without expanding them', async () => {
    const fragments = Array.from(
      { length: 40 },
      (_, index) =>
        `fragment F${index} on Feature { ${index === 39 ? 'id' : `...F${index + 1} ...F${index + 1}`} }`,
    );
    const { errors } = await send(`query { features { ...F0 } } ${fragments.join(' ')}`);
    expect(errors).toEqual(
      refusal('The operation asks for more than 2000000 fields, with every list in it counted as 10 items.')
        .errors,
    );
  });
});

test('a fragment that contains itself is refused as such', async () => {
  const { errors } = await send(
    '{ features { ...F } } fragment F on Feature { packages { features { id } } ...F }',
  );
  expect(errors[0].message).toBe('Cannot spread fragment "F" within itself.');
});

test('the limits hold for the client API', async () => {
  const query = `{ ${Array.from({ length: 1_001 }, (_, index) => `a${index}: __typename`).join(' ')} }`;
  expect(await send(query, '/client/graphql', app.keys.publicTest)).toEqual(
    refusal('The operation has more than 1000 aliases.'),
  );
});

test('an operation past a limit reaches no row', async () => {
  expect(await statementsOf(() => send(aliased(1_001)))).toEqual([]);
});

test.each([
  ['GraphiQL', { inputValueDeprecation: true, schemaDescription: true, specifiedByUrl: true }],
  ['code generators', { inputValueDeprecation: true, oneOf: true }],
])('the introspection of %s passes, without a key', async (_who, options) => {
  const { body } = await app.http.post('/graphql').send({ query: getIntrospectionQuery(options) });
  expect(body).not.toHaveProperty('errors');
  expect(body.data.__schema.types.length).toBeGreaterThan(20);
});

/** Fragments of which each spreads the next one twice: to follow every spread would never end. */
const doubled = (type: string, field: string) =>
  [
    ...Array.from(
      { length: 60 },
      (_, level) => `fragment f${level} on ${type} { ...f${level + 1} ...f${level + 1} }`,
    ),
    `fragment f60 on ${type} { ${field} }`,
  ].join(' ');

test('fragments that spread others twice are looked at once each, with a key and without', async () => {
  const introspection = `query { ...f0 } ${doubled('Query', '__typename')}`;
  for (const path of ['/graphql', '/client/graphql'])
    expect((await app.http.post(path).send({ query: introspection })).body).toEqual({
      data: { __typename: 'Query' },
    });
  const usage = `mutation { recordUsage(input: { userId: "nobody", featureId: "calls" }) { ...f0 } }`;
  const { errors } = await send(`${usage} ${doubled('RecordedUsage', '__typename')}`);
  expect(errors[0].extensions.exception.name).toBe('UserNotFoundError');
});

test('a batch of operations is refused as a whole', async () => {
  const { status, body } = await app.http
    .post('/graphql')
    .set('Authorization', app.keys.test)
    .send([{ query: '{ features { id } }' }, { query: '{ features { id } }' }]);
  expect(status).toBe(400);
  expect(body.errors[0].extensions.code).toBe('BAD_REQUEST');
});
