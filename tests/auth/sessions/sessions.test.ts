import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { createKey, createKeyring, revokeKey } from '../../../src/auth/keys/store.ts';
import { createSessions } from '../../../src/auth/sessions/sessions.ts';
import { loadTokenRealms } from '../../../src/auth/tokens/store.ts';
import { createUserTokens } from '../../../src/auth/tokens/tokens.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';

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
      body: { environment: 'live', lastFour: app.keys.live.slice(-4), expiresAt: expect.any(String) },
    });
    const cookie = String(response.headers['set-cookie']);
    expect(cookie).toMatch(/^kana_console_live=[\w.-]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    expect(cookie).not.toContain(app.keys.live.slice(9));
    expect(response.headers['cache-control']).toBe('no-store');
  });

  it('keeps the cookie to https where the browser came by https', async () => {
    const { headers } = await app.http
      .post('/console/session')
      .set('X-Kana-Console', '')
      .set('X-Forwarded-Proto', 'https')
      .send({ key: app.keys.test });
    expect(String(headers['set-cookie'])).toMatch(/; Secure$/);
  });

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

describe('sessions', () => {
  const db = () => app.database.prisma;

  /** Sessions whose keyring sees revocations once `later` milliseconds have passed. */
  async function open(secrets: string[] = []) {
    const clock = { later: 0 };
    const realms = await loadTokenRealms(db(), secrets);
    const keyring = createKeyring(app.database.lookups, () => Date.now() + clock.later);
    return { clock, realms, sessions: createSessions(realms, keyring) };
  }

  it('die with their key', async () => {
    const { clock, sessions } = await open();
    const { id, key } = await createKey(db(), 'test', 'PRIVATE');
    const token = (await sessions.begin(key, new Date()))?.token ?? '';
    expect(await sessions.find(token, 'test', new Date())).toMatchObject({ identity: { keyId: id } });

    await revokeKey(db(), id, new Date());
    clock.later = 5_000;
    expect(await sessions.find(token, 'test', new Date())).toBeNull();
  });

  it('expire after twelve hours', async () => {
    const { sessions } = await open();
    const token = (await sessions.begin(app.keys.test, new Date()))?.token ?? '';
    const later = (hours: number) => new Date(Date.now() + hours * 3_600_000);
    expect(await sessions.find(token, 'test', later(11.9))).not.toBeNull();
    expect(await sessions.find(token, 'test', later(12.1))).toBeNull();
  });

  it('are of one environment, also where both sign with the same secret', async () => {
    const { sessions } = await open(['s'.repeat(32)]);
    const token = (await sessions.begin(app.keys.test, new Date()))?.token ?? '';
    expect(await sessions.find(token, 'test', new Date())).not.toBeNull();
    expect(await sessions.find(token, 'live', new Date())).toBeNull();
  });

  it('are not user tokens, nor the other way round', async () => {
    const { sessions, realms } = await open();
    const tokens = createUserTokens(realms, 'usekana.com');
    const userToken = await tokens.issue({ environmentId: 'test', userId: 'someone' }, new Date());
    const session = (await sessions.begin(app.keys.test, new Date()))?.token ?? '';
    expect(await sessions.find(userToken, 'test', new Date())).toBeNull();
    expect(await tokens.identify(session, new Date())).toBeNull();
  });

  it('are not believed when somebody else signed them', async () => {
    const { sessions } = await open();
    const { id } = await createKey(db(), 'test', 'PRIVATE');
    const forged = await new SignJWT({ keyId: id, aud: 'kana-console' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode('x'.repeat(32)));
    expect(await sessions.find(forged, 'test', new Date())).toBeNull();
  });
});
