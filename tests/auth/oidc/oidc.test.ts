import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readClaims } from '../../../src/auth/oidc/rules.ts';
import { oidcSettings } from '../../../src/config/oidc.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { startProvider, Walker } from '../../helpers/oidc.ts';

// Members sign in by a real OpenID Connect provider.

const people = {
  ana: { email: 'Ana@Example.com', email_verified: true, name: 'Ana Silva' },
  other: { email: 'ana@example.com', email_verified: true, name: 'Another Ana' },
  bea: { email: 'bea@example.com', email_verified: true },
  unverified: { email: 'carl@example.com', email_verified: false },
  stranger: { email: 'stranger@example.com', email_verified: true },
};

let app: TestApp;
let provider: Awaited<ReturnType<typeof startProvider>>;
beforeAll(async () => {
  provider = await startProvider(people);
  const { issuer, clientId, clientSecret } = provider;
  app = await startTestApp({ oidc: { issuer, clientId, clientSecret, name: 'Example' } });
  provider.serve(app.url);
});
afterAll(async () => {
  await app.close();
  await provider.stop();
});

const invite = (email: string, role: string, key = app.keys.test) =>
  app.ok(`mutation { inviteMember(email: "${email}", role: ${role}) { link } }`, {}, key);

/** Goes the whole way. Returns where it ends, and the browser. */
async function signIn(login: keyof typeof people, environment = 'test') {
  const walker = new Walker(login);
  const start = `${app.url}/console/oidc?environment=${environment}`;
  const end = await walker.go(start, ({ pathname }) => /^\/(test|live)$/.test(pathname));
  return { walker, end: end.pathname + end.search };
}

async function sessionsOf({ cookies }: Walker) {
  const headers = { 'X-Kana-Console': '', Cookie: [...cookies].map((pair) => pair.join('=')).join('; ') };
  return (await app.http.get('/console/session').set(headers)).body;
}

test('the sign-in page is told how the button is called', async () => {
  expect((await sessionsOf(new Walker('ana'))).ways.oidc).toBe('Example');
});

test('who is invited becomes a member by it, in each environment', async () => {
  await invite('ana@example.com', 'EDITOR');
  await invite('ana@example.com', 'VIEWER', app.keys.live);
  const { walker, end } = await signIn('ana', 'live');
  expect(end).toBe('/live');
  const { sessions } = await sessionsOf(walker);
  const member = { name: 'Ana Silva', email: 'ana@example.com' };
  expect(sessions).toMatchObject([
    { environment: 'test', member: { ...member, role: 'EDITOR' } },
    { environment: 'live', member: { ...member, role: 'VIEWER' } },
  ]);
  expect((await signIn('ana')).end).toBe('/test');
});

test('nobody else at the provider becomes a member by the same address', async () => {
  expect((await signIn('other')).end).toBe('/test?oidc=refused');
});

test.each(['unverified', 'stranger'] as const)('refuses who is %s', async (login) => {
  await invite(people.unverified.email, 'ADMIN');
  const { walker, end } = await signIn(login);
  expect(end).toBe('/test?oidc=refused');
  expect((await sessionsOf(walker)).sessions).toEqual([]);
});

test('a password that was set before by a link ends, with its sessions', async () => {
  const { inviteMember } = await invite(people.bea.email, 'VIEWER');
  const token = inviteMember.link.split('#')[1];
  const password = 'correct horse battery';
  const accepted = await app.http
    .put('/console/invitation')
    .set('X-Kana-Console', '')
    .send({ token, name: 'Mallory', password });
  expect(accepted.status).toBe(200);
  expect((await signIn('bea')).end).toBe('/test');
  const again = await app.http
    .post('/console/session')
    .set('X-Kana-Console', '')
    .send({ email: people.bea.email, password });
  expect(again.status).toBe(401);
  const Cookie = String(accepted.headers['set-cookie']).split(';', 1).join();
  const answer = await app.http
    .post('/graphql')
    .set({ 'X-Kana-Console': 'test', Cookie })
    .send({ query: '{ features { id } }' });
  expect(answer.status).toBe(401);
});

describe('a sign-in can be ended only', () => {
  const toCallback = (url: URL) => url.pathname === '/console/oidc/callback';
  const outcomeOf = async (walker: Walker, url: URL) => {
    const end = await walker.go(url.href, ({ pathname }) => /^\/(test|live)$/.test(pathname));
    return end.search;
  };

  test('by the browser that began it', async () => {
    const url = await new Walker('ana').go(`${app.url}/console/oidc`, toCallback);
    const victim = new Walker('ana');
    expect(await outcomeOf(victim, url)).toBe('?oidc=failed');
    await victim.go(`${app.url}/console/oidc`, toCallback);
    expect(await outcomeOf(victim, url)).toBe('?oidc=failed');
    expect((await sessionsOf(victim)).sessions).toEqual([]);
  });

  test('once, and with what the provider said', async () => {
    const walker = new Walker('ana');
    const url = await walker.go(`${app.url}/console/oidc`, toCallback);
    const kept = new Map(walker.cookies);
    const changed = new URL(url);
    changed.searchParams.set('state', 'another');
    expect(await outcomeOf(walker, changed)).toBe('?oidc=failed');
    for (const [name, value] of kept) walker.cookies.set(name, value);
    expect(await outcomeOf(walker, url)).toBe('');
    for (const [name, value] of kept) walker.cookies.set(name, value);
    expect(await outcomeOf(walker, url)).toBe('?oidc=failed');
  });
});

test.each([
  [
    { iss: 'i', sub: 's', email: ' A@B.c ', email_verified: true },
    { subject: 'i s', email: 'a@b.c', name: 'a@b.c' },
  ],
  [
    { iss: 'i', sub: 's', email: 'a@b.c', email_verified: 'true', name: 'A' },
    { subject: 'i s', email: 'a@b.c', name: 'A' },
  ],
  [{ iss: 'i', sub: 's', email: 'a@b.c', email_verified: false }, null],
  [{ iss: 'i', sub: 's', email: 'a@b.c' }, null],
  [{ iss: 'i', sub: 's', email: 'nobody', email_verified: true }, null],
  [{ iss: 'i', sub: '', email: 'a@b.c', email_verified: true }, null],
  [null, null],
])('of %j it reads %j', (claims, person) => {
  expect(readClaims(claims)).toEqual(person);
});

test('all variables or none', () => {
  const name = { OIDC_NAME: 'x' };
  expect(oidcSettings(name)).toBeNull();
  expect(() => oidcSettings({ ...name, OIDC_CLIENT_ID: 'a' })).toThrow(/set all of OIDC_ISSUER/);
});
