import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isObjectType } from 'graphql';
import { SignJWT } from 'jose';
import { createKey, revokeKey } from '../../src/auth/keys/store.ts';
import { clientSchema } from '../../src/client/schema.ts';
import { schema } from '../../src/graphql/schema.ts';
import { startTestApp, type TestApp, testEncryption } from '../helpers/app.ts';
import { operationOf } from '../helpers/operations.ts';
import { clientQueries, mutations, nested, queries } from './operations.ts';
import { createWorld, type Names, type Rows, readRows, reveals, secrets } from './world.ts';

// Each kind of credentials opens what it is for, and nothing else: every field of each API is tried with all that
// must not open it.

let app: TestApp;
let its: Names;
let rows: Rows;
let userToken: string;
let revoked: Record<'PRIVATE' | 'PUBLIC', string>;

beforeAll(async () => {
  app = await startTestApp();
  its = await createWorld(app.database.prisma, 'test', '');
  await createWorld(app.database.prisma, 'live', '');
  revoked = { PRIVATE: await createRevokedKey('PRIVATE'), PUBLIC: await createRevokedKey('PUBLIC') };
  const { generateUserToken } = await app.ok(
    'mutation ($id: String!) { generateUserToken(userId: $id) { token } }',
    { id: its.user },
  );
  userToken = generateUserToken.token;
  rows = await readRows(app.database);
});
afterAll(() => app.close());

async function createRevokedKey(kind: 'PRIVATE' | 'PUBLIC'): Promise<string> {
  const { id, key } = await createKey(app.database.prisma, 'test', kind);
  await revokeKey(app.database.prisma, id, new Date());
  return key;
}

/** A key with another last letter, which nobody was given. */
const guessed = (key: string) => key.slice(0, -1) + (key.endsWith('x') ? 'y' : 'x');

/** The token with one claim changed, signed by somebody else or not at all. */
async function forged(
  change: object,
  secret = 'a secret that nobody has configured anywhere',
): Promise<string> {
  const [, claims = ''] = userToken.split('.');
  const said = JSON.parse(Buffer.from(claims, 'base64url').toString());
  const jwt = new SignJWT({ ...said, ...change }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' });
  return jwt.sign(new TextEncoder().encode(secret));
}

async function ownSecret(environmentId: string): Promise<string> {
  const found = await app.database.prisma.userTokenSecret.findUniqueOrThrow({ where: { environmentId } });
  return testEncryption.decrypt(found.secret, `user_token_secret ${environmentId}`);
}

function unsigned(): string {
  const [, claims] = userToken.split('.');
  return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`;
}

/** Every field of an API as one operation with its arguments. */
function operationsOf(api: typeof schema, table: typeof queries): { query: string; variables: object }[] {
  const inner = Object.fromEntries(Object.entries(nested).map(([name, args]) => [name, args(its)]));
  return (['Query', 'Mutation'] as const).flatMap((type) => {
    const found = api.getType(type);
    return Object.values(isObjectType(found) ? found.getFields() : {}).map((field) => {
      const variables = table[field.name]?.calls[0]?.(its) ?? {};
      const kind = type === 'Query' ? 'query' : 'mutation';
      return {
        query: operationOf(kind, field, Object.keys(variables), api === schema ? inner : {}),
        variables,
      };
    });
  });
}

type Headers = Record<string, string>;

async function expectRefused(path: string, headers: Headers, operations: ReturnType<typeof operationsOf>) {
  const before = [await rows.of('test'), await rows.of('live')];
  expect(operations.length).toBeGreaterThan(0);
  for (const operation of operations) {
    const { status, body } = await app.http.post(path).set(headers).send(operation);
    const [error] = body.errors ?? [];
    expect({ operation, status, data: body.data ?? null, code: error?.extensions.code }).toEqual({
      operation,
      status: 401,
      data: null,
      code: 'UNAUTHENTICATED',
    });
    expect(error.message).toMatch(/^Unauthenticated/);
  }
  expect([await rows.of('test'), await rows.of('live')]).toEqual(before);
}

describe('no field of the admin API opens for', () => {
  test.each<[string, () => Headers | Promise<Headers>]>([
    ['nobody', () => ({})],
    ['an empty header', () => ({ Authorization: '' })],
    ['a public key', () => ({ Authorization: app.keys.publicTest })],
    ['the public key of the other environment', () => ({ Authorization: app.keys.publicLive })],
    [
      'a public key with the id of a user',
      () => ({ Authorization: app.keys.publicTest, 'X-User-ID': its.user }),
    ],
    ['a write key', () => ({ Authorization: app.keys.writeTest })],
    [
      'a write key as the name of Basic authentication',
      () => ({ Authorization: `Basic ${btoa(`${app.keys.writeTest}:`)}` }),
    ],
    ['a user token', () => ({ Authorization: `Bearer ${userToken}` })],
    ['a private key that was revoked', () => ({ Authorization: revoked.PRIVATE })],
    ['a private key that was guessed', () => ({ Authorization: guessed(app.keys.test) })],
    ['a private key in another header', () => ({ 'X-Api-Key': app.keys.test })],
    ['a private key after another word', () => ({ Authorization: `Token ${app.keys.test}` })],
    ['the name of an environment of the console', () => ({ 'X-Kana-Console': 'test' })],
    [
      'a user token as a session of the console',
      () => ({ 'X-Kana-Console': 'test', Cookie: `kana_console_test=${userToken}` }),
    ],
  ])('%s', async (_whom, headers) => {
    await expectRefused('/graphql', await headers(), operationsOf(schema, { ...queries, ...mutations }));
  });
});

describe('no field of the client API opens for', () => {
  const user = () => ({ 'X-User-ID': its.user });
  test.each<[string, () => Headers | Promise<Headers>]>([
    ['nobody', () => ({})],
    ['the id of a user alone', user],
    ['a public key alone', () => ({ Authorization: app.keys.publicTest })],
    ['a private key', () => ({ ...user(), Authorization: app.keys.test })],
    ['a write key', () => ({ ...user(), Authorization: app.keys.writeTest })],
    ['a public key that was revoked', () => ({ ...user(), Authorization: revoked.PUBLIC })],
    ['a public key that was guessed', () => ({ ...user(), Authorization: guessed(app.keys.publicTest) })],
    ['a token that somebody else signed', async () => ({ Authorization: `Bearer ${await forged({})}` })],
    ['a token that nobody signed', () => ({ Authorization: `Bearer ${unsigned()}` })],
    [
      'a token of the other environment that ours signed',
      async () => ({
        Authorization: `Bearer ${await forged({ appId: 'live_app' }, await ownSecret('test'))}`,
      }),
    ],
    [
      'a token that has expired',
      async () => ({
        Authorization: `Bearer ${await forged({ exp: 1_700_000_000 }, await ownSecret('test'))}`,
      }),
    ],
    [
      'a token for something else',
      async () => ({
        Authorization: `Bearer ${await forged({ aud: 'kana-console' }, await ownSecret('test'))}`,
      }),
    ],
  ])('%s', async (_whom, headers) => {
    await expectRefused('/client/graphql', await headers(), operationsOf(clientSchema, clientQueries));
  });
});

describe('the client API', () => {
  test('cannot change anything: it has no mutations', () => {
    expect(clientSchema.getMutationType()).toBeUndefined();
    expect(clientSchema.getSubscriptionType()).toBeUndefined();
  });

  test.each<[string, () => Headers]>([
    ['a public key and an id', () => ({ Authorization: app.keys.publicTest, 'X-User-ID': its.user })],
    ['a user token', () => ({ Authorization: `Bearer ${userToken}` })],
    [
      'a user token, whatever id is beside it',
      () => ({ Authorization: `Bearer ${userToken}`, 'X-User-ID': its.twin }),
    ],
  ])(
    'tells the user whom the credentials name, in their environment, and nothing else: %s',
    async (_how, headers) => {
      for (const operation of operationsOf(clientSchema, clientQueries)) {
        const { body } = await app.http.post('/client/graphql').set(headers()).send(operation);
        expect(body.errors).toBeUndefined();
        const isTold = reveals(body, secrets.test) || operation.query.includes('showUsage');
        expect({ operation, isTold }).toEqual({ operation, isTold: true });
        expect(reveals(body, secrets.live)).toBe(false);
        expect(JSON.stringify(body)).not.toContain(its.twin);
      }
    },
  );

  test('tells of a user of the other environment that there is none', async () => {
    await app.database.prisma.user.create({ data: { environmentId: 'live', id: 'theirs-alone' } });
    const ask = (id: string) =>
      app.http
        .post('/client/graphql')
        .set({ Authorization: app.keys.publicTest, 'X-User-ID': id })
        .send({ query: '{ currentUser { id } }' });
    const [there, nowhere] = [await ask('theirs-alone'), await ask('nobodys-id')];
    expect(JSON.stringify(there.body).replaceAll('theirs-alone', '…')).toBe(
      JSON.stringify(nowhere.body).replaceAll('nobodys-id', '…'),
    );
    expect(there.body.errors[0].extensions.code).toBe('NOT_FOUND');
  });
});
