import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, type JWTHeaderParameters, SignJWT, UnsecuredJWT } from 'jose';
import { createEncryption } from '../../../src/auth/secrets/encryption.ts';
import { createSecretKey } from '../../../src/auth/secrets/secret-key.ts';
import { loadTokenRealms } from '../../../src/auth/tokens/realms.ts';
import { claimsFor } from '../../../src/auth/tokens/rules.ts';
import { createUserTokens } from '../../../src/auth/tokens/tokens.ts';
import { type Database, openDatabase } from '../../../src/database/client.ts';
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts';
import { someoneWaits } from '../../helpers/locks.ts';

const encryption = createEncryption(createSecretKey('a secret key of more than 32 characters'));
const now = new Date('2022-05-11T09:53:35.750Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const days = 24 * 60 * 60;

const secret = 'the secret that signs, of 32 and more letters';
const formerSecret = 'the secret that signed before, long enough too';
const testRealm = { environmentId: 'test', appId: 'test_fhjdijhs', secrets: [secret, formerSecret] };
const realms = [testRealm, { environmentId: 'live', appId: 'live_aaaaaaaa', secrets: [secret] }];
const tokens = createUserTokens(realms, 'usekana.com');

test('a token says what the one that Kana documents says, and is good for 30 days', () => {
  expect(claimsFor({ appId: 'test_fhjdijhs', userId: '124' }, 'usekana.com', now)).toEqual({
    appId: 'test_fhjdijhs',
    userId: '124',
    iat: 1652262815,
    exp: 1654854815,
    aud: 'kana-client',
    iss: 'usekana.com',
  });
});

test('a token holds these claims and nothing else, signed with HMAC-SHA256', async () => {
  const token = await tokens.issue({ environmentId: 'test', userId: '124' }, now);

  expect(decodeJwt(token)).toEqual(claimsFor({ appId: 'test_fhjdijhs', userId: '124' }, 'usekana.com', now));
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT' });
});

test.each(['test', 'live'])(
  'a token of %s stands for its user in that environment',
  async (environmentId) => {
    const token = await tokens.issue({ environmentId, userId: 'zoë@example.com' }, now);

    expect(await tokens.identify(token, now)).toEqual({ environmentId, userId: 'zoë@example.com' });
  },
);

test.each([
  ['in the second before it expires', 30 * days - 1, { environmentId: 'test', userId: '124' }],
  ['in the second in which it expires', 30 * days, null],
  ['ever after', 300 * days, null],
])('%s a token stands for what it should', async (_when, seconds, expected) => {
  const onTheSecond = new Date('2022-05-11T09:53:35.000Z');
  const token = await tokens.issue({ environmentId: 'test', userId: '124' }, onTheSecond);

  const at = new Date(onTheSecond.getTime() + seconds * 1000);
  expect(await tokens.identify(token, at)).toEqual(expected);
});

test('tokens are signed with the first secret, and good with every one', async () => {
  const user = { environmentId: 'test', userId: '124' };
  const former = createUserTokens([{ ...testRealm, secrets: [formerSecret] }], 'usekana.com');
  const old = await former.issue(user, now);
  const fresh = await tokens.issue(user, now);

  expect(await tokens.identify(old, now)).toEqual(user);
  expect(await former.identify(fresh, now)).toBeNull();
});

describe('a token is refused', () => {
  const claims = { ...claimsFor({ appId: 'test_fhjdijhs', userId: '124' }, 'usekana.com', now) };
  const sign = (payload: object, key = secret, header: JWTHeaderParameters = { alg: 'HS256' }) =>
    new SignJWT({ ...payload }).setProtectedHeader(header).sign(new TextEncoder().encode(key));
  const without = (claim: keyof typeof claims) => ({ ...claims, [claim]: undefined });

  it('never, if nothing is wrong with it', async () => {
    expect(await tokens.identify(await sign(claims), now)).toEqual({ environmentId: 'test', userId: '124' });
  });

  it.each<[string, () => Promise<string> | string]>([
    [
      'signed with a secret of somebody else',
      () => sign(claims, 'a secret that nobody here ever configured'),
    ],
    [
      'signed with a secret that only another environment has',
      () => sign({ ...claims, appId: 'live_aaaaaaaa' }, formerSecret),
    ],
    ['of an environment that is not here', () => sign({ ...claims, appId: 'test_elsewhere' })],
    ['of no environment', () => sign(without('appId'))],
    ['for another audience', () => sign({ ...claims, aud: 'kana-admin' })],
    ['for no audience', () => sign(without('aud'))],
    ['from another issuer', () => sign({ ...claims, iss: 'example.com' })],
    ['from no issuer', () => sign(without('iss'))],
    ['that never expires', () => sign(without('exp'))],
    ['that was never issued', () => sign(without('iat'))],
    ['that is not good yet', () => sign({ ...claims, nbf: claims.iat + 60 })],
    ['without a user', () => sign(without('userId'))],
    ['with a user whose id is no text', () => sign({ ...claims, userId: 124 })],
    ['with a user whom nobody can have', () => sign({ ...claims, userId: ' ' })],
    ['signed in another way, with the right secret', () => sign(claims, secret, { alg: 'HS384' })],
    ['not signed', () => new UnsecuredJWT({ ...claims }).encode()],
    ['whose signature was cut off', async () => (await sign(claims)).replace(/[^.]*$/, '')],
    [
      'whose claims were changed after it was signed',
      async () => {
        const [header, , signature] = (await sign(claims)).split('.');
        const forged = Buffer.from(JSON.stringify({ ...claims, userId: '125' })).toString('base64url');
        return [header, forged, signature].join('.');
      },
    ],
    ['that is none', () => 'secret'],
    ['of three parts that mean nothing', () => 'a.b.c'],
    ['that is empty', () => ''],
  ])('%s', async (_what, make) => {
    expect(await tokens.identify(await make(), later(1))).toBeNull();
  });

  it('by a server whose issuer is another', async () => {
    const elsewhere = createUserTokens(realms, 'kana.example.com');

    expect(await elsewhere.identify(await sign(claims), now)).toBeNull();
    expect(
      await tokens.identify(await elsewhere.issue({ environmentId: 'test', userId: '1' }, now), now),
    ).toBeNull();
  });
});

describe('the secrets', () => {
  let testDatabase: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    testDatabase = await createTestDatabase();
    database = openDatabase(testDatabase.url);
    for (const id of ['live', 'test'])
      await database.prisma.environment.create({ data: { id, appId: `${id}_app` } });
  });
  beforeEach(() => database.prisma.userTokenSecret.deleteMany());
  afterAll(async () => {
    await database.close();
    await testDatabase.drop();
  });

  const load = async (configured: string[] = []) =>
    (await loadTokenRealms(database.prisma, configured, encryption)).sort((a, b) =>
      a.appId < b.appId ? -1 : 1,
    );

  it('are the configured ones, in their order, and none is kept', async () => {
    expect(await load([secret, formerSecret])).toEqual([
      { environmentId: 'live', appId: 'live_app', secrets: [secret, formerSecret] },
      { environmentId: 'test', appId: 'test_app', secrets: [secret, formerSecret] },
    ]);
    expect(await database.prisma.userTokenSecret.count()).toBe(0);
  });

  it('are made when none is configured, 256 random bits for each environment, and kept', async () => {
    const made = await load();

    const own = expect.stringMatching(/^[A-Za-z0-9_-]{43}$/);
    expect(made).toEqual([
      { environmentId: 'live', appId: 'live_app', secrets: [own] },
      { environmentId: 'test', appId: 'test_app', secrets: [own] },
    ]);
    expect(made[0]?.secrets).not.toEqual(made[1]?.secrets);
    expect(await load()).toEqual(made);
  });

  it('cannot be read in the database', async () => {
    const made = await load();

    const rows = JSON.stringify(await database.prisma.userTokenSecret.findMany());
    for (const { secrets } of made) expect(rows).not.toContain(secrets[0]);
  });

  it('that an earlier version stored as they are stay good, and are encrypted by all instances that start', async () => {
    const data = [
      { environmentId: 'live', secret: formerSecret },
      { environmentId: 'test', secret },
    ];
    await database.prisma.userTokenSecret.createMany({ data });

    const [first, second] = await Promise.all([load(), load()]);
    expect(first.map(({ secrets }) => secrets)).toEqual([[formerSecret], [secret]]);
    expect([second, await load()]).toEqual([first, first]);
    const rows = await database.prisma.userTokenSecret.findMany();
    expect(rows.map((row) => row.secret)).toEqual([
      expect.stringMatching(/^aes-256-gcm\./),
      expect.stringMatching(/^aes-256-gcm\./),
    ]);
    expect(JSON.stringify(rows)).not.toContain(secret);
  });

  it('need the secret key that encrypted them', async () => {
    await load();

    const other = createEncryption(createSecretKey('another secret key, of more than 32 characters'));
    await expect(loadTokenRealms(database.prisma, [], other)).rejects.toThrow(
      /^KANA_SECRET_KEY is not the one .* user_token_secret/,
    );
  });

  it('are the same for all instances that start together', async () => {
    // Nobody can write until both have seen that there is nothing yet.
    const { both } = await database.prisma.$transaction(async (tx) => {
      await tx.$executeRaw`LOCK TABLE user_token_secret IN EXCLUSIVE MODE`;
      const both = Promise.all([load(), load()]);
      await someoneWaits(database, 2);
      return { both };
    });

    const [first, second] = await both;
    expect(second).toEqual(first);
    expect(await load()).toEqual(first);
  });

  it('that are kept do not count while others are configured, and count again after', async () => {
    const kept = await load();

    expect((await load([secret])).map(({ secrets }) => secrets)).toEqual([[secret], [secret]]);
    expect(await load()).toEqual(kept);
  });
});
