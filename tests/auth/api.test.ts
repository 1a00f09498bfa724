import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { createKey, revokeKey } from '../../src/auth/keys/store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createUser } from '../helpers/factories.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createUser(app.database.prisma, { id: 'in-test' });
  await createUser(app.database.prisma, { id: 'in-live' }, { in: 'live' });
});
afterAll(() => app.close());

const users = '{ users { id } }';

async function ask(authorization: string | undefined, query = users) {
  const request = app.http.post('/graphql');
  if (authorization !== undefined) request.set('Authorization', authorization);
  const { status, headers, body } = await request.send({ query });
  return { status, challenge: headers['www-authenticate'], body };
}

const message = 'Unauthenticated: send a valid private key in the Authorization header.';
const unauthenticated = {
  status: 401,
  challenge: 'Bearer',
  body: {
    errors: [
      {
        message,
        extensions: { code: 'UNAUTHENTICATED', exception: { name: 'AuthenticationError', message } },
      },
    ],
  },
};
const answers = (data: object) => ({ status: 200, challenge: undefined, body: { data } });

describe('a private key', () => {
  test.each([
    ['alone', (key: string) => key],
    ['after Bearer', (key: string) => `Bearer ${key}`],
    ['after bearer in small letters', (key: string) => `bearer ${key}`],
  ])('%s opens its own environment, and no other', async (_how, header) => {
    expect(await ask(header(app.keys.test))).toEqual(answers({ users: [{ id: 'in-test' }] }));
    expect(await ask(header(app.keys.live))).toEqual(answers({ users: [{ id: 'in-live' }] }));
  });

  test('that is revoked opens nothing, while others go on', async () => {
    const { prisma } = app.database;
    const { id, key } = await createKey(prisma, 'test', 'PRIVATE');
    await revokeKey(prisma, id, new Date());
    expect(await ask(key)).toEqual(unauthenticated);
    expect(await ask(app.keys.test)).toEqual(answers({ users: [{ id: 'in-test' }] }));
  });
});

describe('a request is refused with 401 and one error', () => {
  const never = 'prv_test_0123456789abcdefghijklmnopqrstuv';

  test.each<[string, () => string | undefined]>([
    ['without the header', () => undefined],
    ['with an empty header', () => ''],
    ['with Bearer and no key', () => 'Bearer '],
    ['with a public key', () => app.keys.publicTest],
    ['with a public key after Bearer', () => `Bearer ${app.keys.publicTest}`],
    ['with a key that was never issued', () => never],
    ['with a key that lacks its last letter', () => app.keys.test.slice(0, -1)],
    ['with a key of the other environment by name', () => app.keys.test.replace('_test_', '_live_')],
    ['with a key in capitals', () => app.keys.test.toUpperCase()],
    ['with two keys', () => `${app.keys.test} ${app.keys.live}`],
    ['with another scheme', () => `Basic ${app.keys.test}`],
    ['with SQL', () => "' OR 1=1 --"],
  ])('%s', async (_what, header) => {
    expect(await ask(header())).toEqual(unauthenticated);
  });

  test.each([
    ['several fields', '{ users { id } features { id } packages { id } }'],
    ['a mutation', 'mutation { createUser(input: {id: "intruder"}) { id } }'],
    ['__typename beside a field', '{ __typename users { id } }'],
    ['a field that is skipped', '{ __typename users @skip(if: true) { id } }'],
    ['a field under the name of introspection', '{ __schema: users { id } }'],
    ['a field in an inline fragment', '{ ... on Query { users { id } } }'],
    ['a field in a fragment', '{ ...F } fragment F on Query { users { id } }'],
    [
      'a field in a fragment of a fragment',
      '{ ...F } fragment F on Query { ...G } fragment G on Query { users { id } }',
    ],
    ['introspection and a fragment with a field', '{ __typename ...F } fragment F on Query { users { id } }'],
    ['aliases, by which introspection could be multiplied', '{ a: __typename b: __typename }'],
  ])('without a key: %s', async (_what, query) => {
    expect(await ask(undefined, query)).toEqual(unauthenticated);
  });

  test('and changes nothing', async () => {
    await ask(undefined, 'mutation { createUser(input: {id: "intruder"}) { id } }');
    await ask(app.keys.publicTest, 'mutation { createUser(input: {id: "intruder"}) { id } }');
    expect(await app.database.prisma.user.count({ where: { id: 'intruder' } })).toBe(0);
  });
});

describe('introspection needs no key', () => {
  test.each([
    ['of the name', '{ __typename }', { __typename: 'Query' }],
    ['of the name of mutations', 'mutation { __typename }', { __typename: 'Mutation' }],
    ['of a type', '{ __type(name: "Consumption") { name } }', { __type: { name: 'Consumption' } }],
    ['in an inline fragment', '{ ... on Query { __typename } }', { __typename: 'Query' }],
    ['in a fragment', '{ ...F } fragment F on Query { __typename }', { __typename: 'Query' }],
  ])('%s', async (_what, query, data) => {
    expect(await ask(undefined, query)).toEqual(answers(data));
  });

  test('of the whole schema, as tools ask for it', async () => {
    const { status, body } = await ask(undefined, getIntrospectionQuery());
    expect(status).toBe(200);
    expect(body.data.__schema.queryType.name).toBe('Query');
    expect(body).not.toHaveProperty('errors');
  });
});

test('without a key, an operation is not validated', async () => {
  const { status, body } = await ask(undefined, '{ nonsense }');
  expect([status, body.errors[0].extensions.code]).toEqual([401, 'UNAUTHENTICATED']);
});
