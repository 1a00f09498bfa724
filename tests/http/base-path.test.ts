import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { ensureBuilt } from '../helpers/process.ts';

/* BASE_PATH: everything is below a path, such as a proxy gives it. tests/console/session.e2e.ts is the console there. */

const basePath = '/apps/kana-1.0';
let app: TestApp;
let origin: string;
beforeAll(async () => {
  await ensureBuilt();
  app = await startTestApp({ withConsole: true, basePath });
  origin = new URL(app.url).origin;
});
afterAll(() => app.close());

const browser = { Accept: 'text/html' };

test('every route is below the path, and nothing is outside', async () => {
  const outside = `There is nothing at this path: everything is below ${basePath}.`;
  for (const path of ['/kana', `${basePath}x`, `${basePath}x/graphql`, ...app.paths]) {
    const answer = await fetch(origin + path, { headers: browser, redirect: 'manual' });
    const [error] = ((await answer.json()) as { errors: { message: string }[] }).errors;
    expect([path, answer.status, error?.message]).toEqual([path, 404, outside]);
  }
  for (const path of app.paths) expect((await fetch(app.url + path, { method: 'PUT' })).status).not.toBe(404);
  expect((await fetch(`${app.url}/nothing`)).status).toBe(404);
});

test('the console finds its files, and its scripts learn the path', async () => {
  for (const encoding of ['br', 'gzip', 'identity']) {
    const headers = { ...browser, 'Accept-Encoding': encoding };
    for (const path of ['', '/', '/live/users/some%2Fone']) {
      const html = await (await fetch(app.url + path, { headers })).text();
      expect(html).toContain(`<meta name="base-path" content="${basePath}" />`);
      const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = '']) => file);
      expect(named.length).toBeGreaterThan(3);
      for (const file of named) {
        expect(file.startsWith(`${basePath}/`)).toBe(true);
        expect((await fetch(origin + file)).status).toBe(200);
      }
    }
  }
});

test('GraphiQL asks the API below the path', async () => {
  for (const path of ['/graphql', '/client/graphql']) {
    const html = await (await fetch(app.url + path, { headers: browser })).text();
    expect(html).toContain(`"endpoint":"${basePath}${path}"`);
  }
});

test('the description of the REST API says where it is', async () => {
  const { body } = await app.http.get('/v1/openapi.json');
  expect(body.servers).toEqual([{ url: `${basePath}/` }]);
});

test.each([
  ['http', `kana_console_test=`, `Path=${basePath}; `],
  ['https', '__Host-kana_console_test~apps~kana-1.0=', 'Path=/; '],
])('by %s, the session is for this server alone', async (protocol, start, path) => {
  const headers = { 'X-Kana-Console': 'test', 'X-Forwarded-Proto': protocol };
  const signedIn = await app.http.post('/console/session').set(headers).send({ key: app.keys.test });
  const cookie = String(signedIn.headers['set-cookie']);
  expect(cookie.startsWith(start)).toBe(true);
  expect(cookie).toContain(`; ${path}`);
  const [Cookie = ''] = cookie.split(';');
  const { body } = await app.http
    .post('/graphql')
    .set({ ...headers, Cookie })
    .send({ query: '{ features { id } }' });
  expect(body).toEqual({ data: { features: [] } });
  const out = await app.http.delete('/console/session').set({ ...headers, Cookie });
  expect(String(out.headers['set-cookie'])).toContain(`${start}; ${path}Max-Age=0`);
});
