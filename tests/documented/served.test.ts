import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';

// llms.txt and the pages that it leads to, as a server serves them.

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const llms = readFileSync('llms.txt', 'utf8');
const links = [...llms.matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link);

test('llms.txt names every guide and reference page, once', () => {
  const pages = ['docs/guides', 'docs/reference'].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  );
  expect(links.filter((link) => /^docs\/(guides|reference)\//.test(link)).sort()).toEqual(pages.sort());
});

test.each(['llms.txt', ...links, 'docs/reference/webhooks/user.created.json'])(
  '%s is served',
  async (path) => {
    const type = path.endsWith('.md')
      ? 'text/markdown'
      : path.endsWith('.json')
        ? 'application/json'
        : 'text/plain';
    const { status, headers, text } = await app.http.get(`/${path}`).buffer();
    expect([status, headers['content-type']]).toEqual([200, `${type}; charset=utf-8`]);
    if (path !== 'v1/openapi.json') expect(text).toBe(readFileSync(path, 'utf8'));
  },
);

test('a page that is known already is not sent again', async () => {
  const { headers } = await app.http.get('/docs/guides/mcp.md');
  const again = await app.http.get('/docs/guides/mcp.md').set('If-None-Match', headers.etag ?? '');
  expect([again.status, again.text]).toEqual([304, '']);
});

describe('nothing else is', () => {
  test.each([
    '/docs/nothing.md',
    '/docs/..%2Fpackage.json',
    '/docs/guides/..%2F..%2Fpackage.json',
    '/docs/%2E%2E/package.json',
    '/docs/pictures/user.png',
    '/docs',
  ])('%s', async (path) => {
    expect((await fetch(`${app.url}${path}`)).status).toBe(404);
  });
});
