import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals';
import { SignJWT } from 'jose';
import { createKey, createKeyring, revokeKey } from '../../../src/auth/keys/store.ts';
import { createSecretKey } from '../../../src/auth/secrets/secret-key.ts';
import { createSessions } from '../../../src/auth/sessions/sessions.ts';
import { startTestApp, type TestApp, testEncryption, testKey } from '../../helpers/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const query = { query: '{ features { id } }' };

async function signIn(key: string): Promise<string> {
  const response = await app.http.post('/console/session').set('X-Kana-Console', '').send({ key });
  expect(response.status).toBe(200);
  return String(response.headers['set-cookie']);
}

/** What a browser sends back of a `Set-Cookie`. */
const pairOf = (setCookie: string) => setCookie.split(';', 1).join();

describe('signing in', () => {
  it('exchanges a private key for a cookie that no script reads and no other site sends', async () => {
    const response = await app.http
      .post('/console/session')
      .set('X-Kana-Console', '')
      .send({ key: app.keys.live });
    expect({ status: response.status, body: response.body }).toEqual({
      status: 200,
      body: {
        sessions: [
          {
            ...{ environment: 'live', lastFour: app.keys.live.slice(-4), member: null },
            ...{ permissions: ['read', 'usage', 'ingest', 'admin'], expiresAt: expect.any(String) },
          },
        ],
      },
    });
    const cookie = String(response.headers['set-cookie']);
    expect(cookie).toMatch(
      /^kana_console_live=ses_live_[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    expect(cookie).not.toContain(app.keys.live.slice(9));
    expect(response.headers['cache-control']).toBe('no-store');
  });

  it.each([
    { 'X-Forwarded-Proto': 'https' },
    { 'X-Forwarded-Proto': 'https, http' },
    { Forwarded: 'for=192.0.2.60;proto=https;by=203.0.113.43, for=198.51.100.17;proto=http' },
    { Forwarded: 'proto="https"' },
  ])('keeps the cookie to https and to this host where the browser came by https: %j', async (proxy) => {
    const { headers } = await app.http
      .post('/console/session')
      .set({ 'X-Kana-Console': '', ...proxy })
      .send({ key: app.keys.test });
    const cookie = String(headers['set-cookie']);
    expect(cookie).toMatch(/^__Host-kana_console_test=[\w-]+; Path=\/; .*; Secure$/);

    const send = (pair: string) =>
      app.http
        .post('/graphql')
        .set({ Cookie: pair, 'X-Kana-Console': 'test', ...proxy })
        .send(query);
    expect((await send(pairOf(cookie))).status).toBe(200);
    // Another host of the domain could have set this one.
    expect((await send(pairOf(cookie).replace('__Host-', ''))).status).toBe(401);
  });

  it.each([{ 'X-Forwarded-Proto': 'http, https' }, { Forwarded: 'for=1.2.3.4;proto=http' }])(
    'does not where it did not: %j',
    async (proxy) => {
      const { headers } = await app.http
        .post('/console/session')
        .set({ 'X-Kana-Console': '', ...proxy })
        .send({ key: app.keys.test });
      expect(String(headers['set-cookie'])).toMatch(/^kana_console_test=.*SameSite=Strict$/);
    },
  );

  it.each([
    ['a key that was never issued', () => `prv_test_${'a'.repeat(32)}`],
    ['a public key', () => app.keys.publicTest],
    ['no key', () => undefined],
  ])('refuses %s', async (_case, key) => {
    const response = await app.http.post('/console/session').set('X-Kana-Console', '').send({ key: key() });
    expect({ status: response.status, cookie: response.headers['set-cookie'] }).toEqual({
      status: 401,
      cookie: undefined,
    });
  });

  it('refuses requests without the header, which another site could bring about', async () => {
    const answers = await Promise.all([
      app.http.post('/console/session').send({ key: app.keys.test }),
      app.http.get('/console/session'),
      app.http.delete('/console/session'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
  });
});

describe('a session', () => {
  it('reads and writes in its environment, with the header only', async () => {
    const cookie = pairOf(await signIn(app.keys.test));
    const send = (headers: Record<string, string>) => app.http.post('/graphql').set(headers).send(query);

    expect((await send({ Cookie: cookie, 'X-Kana-Console': 'test' })).body).toEqual({
      data: { features: [] },
    });
    const refused: Record<string, string>[] = [
      { Cookie: cookie },
      { Cookie: cookie, 'X-Kana-Console': 'live' },
      { Cookie: cookie, 'X-Kana-Console': '' },
      { Cookie: cookie.replace('_test=', '_live='), 'X-Kana-Console': 'live' },
      { Cookie: `${cookie}x`, 'X-Kana-Console': 'test' },
      { 'X-Kana-Console': 'test' },
    ];
    for (const headers of refused) expect((await send(headers)).status).toBe(401);
  });

  it('leaves the client API alone', async () => {
    const cookie = pairOf(await signIn(app.keys.test));
    const response = await app.http
      .post('/client/graphql')
      .set({ Cookie: cookie, 'X-Kana-Console': 'test', 'X-User-ID': 'someone' })
      .send({ query: '{ currentUser { id } }' });
    expect(response.status).toBe(401);
  });

  it('can be had for both environments at once, and ended for one', async () => {
    const cookies = [pairOf(await signIn(app.keys.test)), pairOf(await signIn(app.keys.live))];
    const listed = await app.http
      .get('/console/session')
      .set({ Cookie: cookies.join('; '), 'X-Kana-Console': '' });
    expect(listed.body.sessions.map(({ environment }: { environment: string }) => environment)).toEqual([
      'test',
      'live',
    ]);

    const ended = await app.http.delete('/console/session').set({ 'X-Kana-Console': 'live' });
    expect({ status: ended.status, cookie: String(ended.headers['set-cookie']) }).toEqual({
      status: 204,
      cookie: 'kana_console_live=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict',
    });
  });
});

describe('a session ends', () => {
  const db = () => app.database.prisma;

  /** Another instance, which asks the database anew once `later` milliseconds have passed. */
  function openInstance() {
    const clock = { later: 0 };
    const now = () => performance.now() + clock.later;
    const { prisma, lookups } = app.database;
    const sessions = createSessions({
      db: prisma,
      lookups,
      keyring: createKeyring(lookups, now),
      secretKey: testKey,
      now,
    });
    return { clock, sessions };
  }

  async function begin(key = app.keys.test) {
    const instance = openInstance();
    const token = (await instance.sessions.begin(key))?.token ?? '';
    expect(await instance.sessions.find(token, 'test')).not.toBeNull();
    return { ...instance, token };
  }

  it('when somebody signs out: a cookie that was kept is good for nothing', async () => {
    const cookie = pairOf(await signIn(app.keys.test));
    const session = { Cookie: cookie, 'X-Kana-Console': 'test' };
    const send = () => app.http.post('/graphql').set(session).send(query);
    expect((await send()).status).toBe(200);

    expect((await app.http.delete('/console/session').set(session)).status).toBe(204);
    expect((await send()).status).toBe(401);
    const listed = await app.http.get('/console/session').set(session);
    expect(listed.body).toEqual({ sessions: [], ways: { oidc: null, hasMembers: false } });
  });

  it('on every other instance within five seconds', async () => {
    const { clock, sessions, token } = await begin();
    await openInstance().sessions.end(token, 'test');
    clock.later = 5_000;
    expect(await sessions.find(token, 'test')).toBeNull();
  });

  it('with its key', async () => {
    const { id, key } = await createKey(db(), 'test', 'PRIVATE');
    const { clock, sessions, token } = await begin(key);
    await revokeKey(db(), id, new Date());
    clock.later = 5_000;
    expect(await sessions.find(token, 'test')).toBeNull();
  });

  it('after twelve hours', async () => {
    const { clock, sessions, token } = await begin();
    const [session] = await db().consoleSession.findMany({ orderBy: { createdAt: 'desc' }, take: 1 });
    const { idHash, createdAt = new Date(), expiresAt = new Date() } = session ?? {};
    expect(expiresAt.getTime() - createdAt.getTime()).toBe(12 * 3_600_000);

    const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000);
    const age = (hours: number) =>
      db().consoleSession.updateMany({
        where: { idHash: idHash ?? '' },
        data: { createdAt: ago(hours), expiresAt: ago(hours - 12) },
      });
    await age(11.9);
    clock.later += 5_000;
    expect(await sessions.find(token, 'test')).not.toBeNull();
    await age(12.1);
    clock.later += 5_000;
    expect(await sessions.find(token, 'test')).toBeNull();
  });

  it('at the latest a day after it began, whoever writes its row', async () => {
    const forever = db().consoleSession.updateMany({ data: { expiresAt: new Date('2100-01-01') } });
    await expect(forever).rejects.toThrow(/console_session_lifetime/);
  });

  it('when its key has begun a thousand others since', async () => {
    const { id, key } = await createKey(db(), 'test', 'PRIVATE');
    const { clock, sessions, token } = await begin(key);
    await db().$executeRaw`
      INSERT INTO console_session (id_hash, environment_id, key_id, created_at, expires_at)
      SELECT 'other ' || n, 'test', ${id}::uuid, now() + interval '1 second', now() + interval '1 hour'
        FROM generate_series(1, 1000) n`;
    await sessions.begin(key);
    clock.later = 5_000;
    expect(await sessions.find(token, 'test')).toBeNull();
    expect(await db().consoleSession.count({ where: { keyId: id } })).toBe(1_000);
  });

  it('and leaves the table a month later', async () => {
    await db().consoleSession.deleteMany();
    const { token } = await begin();
    const long = new Date(Date.now() - 32 * 24 * 3_600_000);
    const hours = (count: number) => new Date(long.getTime() + count * 3_600_000);
    const { count } = await db().consoleSession.updateMany({
      data: { createdAt: long, expiresAt: hours(12) },
    });
    expect(count).toBe(1);
    await openInstance().sessions.begin(app.keys.test);
    expect(await db().consoleSession.count()).toBe(1);
    expect(await openInstance().sessions.find(token, 'test')).toBeNull();
  });
});

describe('a read of the database gives nobody a session', () => {
  const db = () => app.database.prisma;
  const replay = (token: string) =>
    app.http
      .post('/graphql')
      .set({ Cookie: `kana_console_live=${token}`, 'X-Kana-Console': 'live' })
      .send({ query: 'mutation { createApiKey(kind: PRIVATE) { key } }' });

  it('by signing one with the secret of the user tokens', async () => {
    const stored = await db().userTokenSecret.findUniqueOrThrow({ where: { environmentId: 'live' } });
    const { id } = await db().apiKey.findFirstOrThrow({ where: { environmentId: 'live', kind: 'PRIVATE' } });
    const decrypted = testEncryption.decrypt(stored.secret, 'user_token_secret live');
    for (const secret of [stored.secret, decrypted]) {
      const forged = await new SignJWT({ keyId: id, aud: 'kana-console', exp: 4102444800 })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(new TextEncoder().encode(secret));
      expect((await replay(forged)).status).toBe(401);
    }
  });

  it('by sending what its row holds', async () => {
    const cookie = pairOf(await signIn(app.keys.live));
    const token = cookie.split('=')[1] ?? '';
    const rows = await db().consoleSession.findMany({ where: { environmentId: 'live' } });
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(token.slice(9));
    for (const { idHash } of rows)
      for (const text of [idHash, `ses_live_${idHash}`, `ses_live_${idHash.slice(0, 43)}`])
        expect((await replay(text)).status).toBe(401);
    expect((await replay(token)).status).toBe(200);
  });

  it('nor does the database of another server, with another secret key', async () => {
    const token = pairOf(await signIn(app.keys.live)).split('=')[1] ?? '';
    const { prisma, lookups } = app.database;
    const secretKey = createSecretKey('another secret key, of more than 32 characters');
    const others = createSessions({ db: prisma, lookups, keyring: createKeyring(lookups), secretKey });
    expect(await others.find(token, 'live')).toBeNull();
  });
});

test('the last use of a session is told to the minute', async () => {
  const cookie = pairOf(await signIn(app.keys.test));
  const long = new Date(Date.now() - 3_600_000);
  await app.database.prisma.consoleSession.updateMany({ data: { lastSeenAt: long } });
  await app.http.post('/graphql').set({ Cookie: cookie, 'X-Kana-Console': 'test' }).send(query).expect(200);

  let used = 0;
  for (let attempt = 0; used === 0 && attempt < 100; attempt += 1) {
    await sleep(50);
    used = await app.database.prisma.consoleSession.count({ where: { lastSeenAt: { gt: long } } });
  }
  expect(used).toBe(1);
});
