import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createUser } from '../helpers/factories.ts';
import { post } from '../helpers/post.ts';

// What is built to hold the server up, or to change it from inside, is refused; and the server goes on.

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
  await createUser(app.database.prisma, { id: '124' });
});
afterAll(async () => {
  expect(await app.ok('{ user(id: "124") { id } }')).toEqual({ user: { id: '124' } });
  await app.close();
});

const create = 'mutation ($input: CreateUserInput!) { createUser(input: $input) { id metadata } }';

/** A request whose variables are written by hand, since not every text can be made by JSON.stringify. */
const creating = (metadata: string) =>
  `{"query": ${JSON.stringify(create)}, "variables": {"input": {"id": "new", "metadata": ${metadata}}}}`;

const syntaxError = (message: string) => ({
  status: 200,
  body: { errors: [{ message, extensions: { code: 'GRAPHQL_PARSE_FAILED' } }] },
});

test.each([
  ['selections', '{a'.repeat(100_000)],
  ['lists', `{ user(id: ${'['.repeat(100_000)}`],
  ['objects', `{ user(id: ${'{a:'.repeat(100_000)}`],
  ['types', `query ($a: ${'['.repeat(100_000)}`],
])('an operation with %s inside %1$s 100,000 levels deep is refused', async (_what, query) => {
  expect(await post(app, JSON.stringify({ query }))).toMatchObject(
    syntaxError('Syntax Error: More than 200 levels deep.'),
  );
});

test('an operation of more than 50,000 tokens is refused', async () => {
  expect(await post(app, JSON.stringify({ query: `{ ${'users '.repeat(50_000)} }` }))).toMatchObject(
    syntaxError('Syntax Error: More than 50000 tokens.'),
  );
});

test('a list of 1,000 usages may be written out in the operation', async () => {
  const usage =
    '{userId: "124", featureId: "none", action: ADD, delta: 1, idempotencyKey: "k", enforce: false}';
  const query = `mutation { recordUsages(input: [${usage.repeat(1_000)}]) { error { name } } }`;

  const { body } = await post(app, JSON.stringify({ query }));

  expect(body.data.recordUsages).toHaveLength(1_000);
  expect(body.data.recordUsages[999]).toEqual({ error: { name: 'FeatureNotFoundError' } });
});

test.each([
  ['objects', `${'{"a":'.repeat(101)}1${'}'.repeat(101)}`],
  ['lists', `{"a":${'['.repeat(8_000)}${']'.repeat(8_000)}}`],
  ['lists of a megabyte', `{"a":${'['.repeat(500_000)}${']'.repeat(500_000)}}`],
])('metadata of %s inside each other is refused beyond 100 levels', async (_what, metadata) => {
  const message = 'input.metadata: must be at most 100 levels deep';
  expect(await post(app, creating(metadata))).toMatchObject({
    status: 200,
    body: { errors: [{ message, extensions: { code: 'BAD_USER_INPUT' } }] },
  });
});

test('metadata of 100 levels is kept', async () => {
  const metadata = `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`;
  const { body } = await post(app, creating(metadata));
  expect(body).toEqual({ data: { createUser: { id: 'new', metadata: JSON.parse(metadata) } } });
});

test('a variable of a wrong type is refused however deep it is', async () => {
  const deep = '{"id":'.repeat(100_000) + 1 + '}'.repeat(100_000);
  expect(
    await post(app, `{"query": ${JSON.stringify(create)}, "variables": {"input": ${deep}}}`),
  ).toMatchObject({
    status: 200,
    body: { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] },
  });
});

test.each([
  ['the request', `{"__proto__": {"polluted": true}, "query": "{ users { id } }"}`],
  ['the variables', `{"query": "{ users { id } }", "variables": {"__proto__": {"polluted": true}}}`],
  [
    'metadata',
    creating('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}'),
  ],
  [
    'metadata in the operation',
    JSON.stringify({
      query: 'mutation { createUser(input: {id: "lit", metadata: {__proto__: {polluted: true}}}) { id } }',
    }),
  ],
])('a key named __proto__ in %s changes no object of the server', async (_what, body) => {
  const { status } = await post(app, body);
  expect(status).toBe(200);
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});
