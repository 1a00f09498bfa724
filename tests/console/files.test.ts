import { readFileSync } from 'node:fs';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { ensureBuilt } from '../helpers/process.ts';

let app: TestApp;
beforeAll(async () => {
  await ensureBuilt();
  app = await startTestApp({ withConsole: true });
});
afterAll(() => app.close());

const browser = { Accept: 'text/html,application/xhtml+xml', 'Accept-Encoding': 'gzip' };

/** What the page names: everything that the first load takes, before anything is clicked. */
const firstLoad = (page: string) =>
  [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '');

describe('the console', () => {
  it('is one page at every address of it, and allows no script or site but its own', async () => {
    for (const path of ['/', '/test', '/live/users/some%2Fone']) {
      const { status, headers, text } = await app.http.get(path).set(browser);
      expect({ status, type: headers['content-type'], cache: headers['cache-control'] }).toEqual({
        status: 200,
        type: 'text/html; charset=utf-8',
        cache: 'no-cache',
      });
      expect(headers['content-security-policy']).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
          "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      );
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(text).toContain('<div id="root"></div>');
      expect(text).not.toMatch(/(src|href)="(https?:)?\/\//);
    }
  });

  it('leaves programs what they had: JSON where nothing is, and GraphiQL where it was', async () => {
    const nothing = await app.http.get('/nothing').set('Accept', '*/*');
    expect({ status: nothing.status, code: nothing.body.errors[0].extensions.code }).toEqual({
      status: 404,
      code: 'NOT_FOUND',
    });
    expect((await app.http.post('/nothing').set(browser)).status).toBe(404);
    expect((await app.http.get('/graphql').set(browser)).text).toContain('GraphiQL');
  });

  it('has files that never change under their name, compressed beforehand', async () => {
    const [path = ''] = firstLoad(readFileSync('dist/console/index.html', 'utf8'));
    const plain = readFileSync(`dist/console${path}`);
    const { status, headers } = await app.http.get(path).set('Accept-Encoding', 'gzip, br');
    expect({ status, encoding: headers['content-encoding'], cache: headers['cache-control'] }).toEqual({
      status: 200,
      encoding: 'br',
      cache: 'public, max-age=31536000, immutable',
    });
    expect(brotliDecompressSync(readFileSync(`dist/console${path}.br`)).equals(plain)).toBe(true);
    expect(gunzipSync(readFileSync(`dist/console${path}.gz`)).equals(plain)).toBe(true);
    expect((await app.http.get(path).set('Accept-Encoding', 'identity')).headers['content-encoding']).toBe(
      undefined,
    );
  });

  it('loads first with at most 235 KiB, by gzip: 15 below what is promised', () => {
    const page = readFileSync('dist/console/index.html', 'utf8');
    const paths = ['/index.html', ...firstLoad(page)];
    expect(paths.length).toBeGreaterThan(2);
    const bytes = paths.reduce((sum, path) => sum + readFileSync(`dist/console${path}.gz`).length, 0);
    expect(bytes / 1024).toBeLessThan(235);
  });
});

it('without the console, a browser is sent to GraphiQL', async () => {
  const bare = await startTestApp({ basePath: '/kana' });
  const { status, headers } = await bare.http.get('/').set(browser);
  expect({ status, location: headers.location }).toEqual({ status: 302, location: '/kana/graphql' });
  expect((await bare.http.get('/test').set(browser)).status).toBe(404);
  await bare.close();
});
