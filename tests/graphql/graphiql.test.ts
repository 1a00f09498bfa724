import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse, validate } from 'graphql';
import { adminPage } from '../../src/graphql/graphiql.ts';
import { schema } from '../../src/graphql/schema.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';

let app: TestApp;
let page: { status: number; headers: Headers; html: string };
beforeAll(async () => {
  app = await startTestApp();
  const response = await fetch(`${app.url}/graphql`, { headers: { Accept: 'text/html,*/*;q=0.8' } });
  page = { status: response.status, headers: response.headers, html: await response.text() };
});
afterAll(() => app.close());

test('a browser gets the page without a key', () => {
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.html).toContain('<title>Open Kana</title>');
});

test('the page is compressed for those who can unpack it, and plain for others', async () => {
  expect(page.headers.get('content-encoding')).toBe('gzip');
  const plain = await fetch(`${app.url}/graphql`, {
    headers: { Accept: 'text/html', 'Accept-Encoding': 'identity' },
  });
  expect(plain.headers.get('content-encoding')).toBeNull();
  expect((await plain.text()) === page.html).toBe(true);
});

test('scripts, styles, fonts, images and workers are all inside the page', () => {
  // Inside of scripts there is text that only looks like tags.
  const markup = page.html.replace(/<script>.*?<\/script>/gs, '');
  const tags = markup.match(/<(?:script|link|img|iframe|base)\b[^>]*>/g) ?? [];
  expect(tags.map((tag) => tag.slice(0, 50))).toEqual([
    expect.stringMatching(/^<link rel="icon" href="data:image\//),
  ]);

  const styles = markup.match(/<style>.*?<\/style>/gs)?.join('') ?? '';
  expect(styles.length).toBeGreaterThan(10_000);
  expect(styles.match(/(?:url\(|@import)\s*["']?(?!data:|["'#])[^)"']{0,80}/g) ?? []).toEqual([]);

  expect(page.html).not.toMatch(/unpkg\.com|jsdelivr\.net|cdnjs\.|googleapis\.com|gstatic\.com/);
});

test('the browser is told to load nothing from elsewhere, and to send nothing elsewhere', () => {
  const policy = page.headers.get('content-security-policy')?.split('; ');
  expect(policy).toEqual(expect.arrayContaining(["default-src 'none'", "connect-src 'self'"]));
  expect(policy?.join(' ')).not.toMatch(/https?:|\*/);
});

test('the browser is told to run the one script of the page, and no text that becomes a script later', () => {
  const policy = page.headers.get('content-security-policy')?.split('; ');
  const [, script = ''] = /<script>(.*?)<\/script>/s.exec(page.html) ?? [];
  const hash = createHash('sha256').update(script).digest('base64');
  expect(policy?.filter((each) => each.startsWith('script-src'))).toEqual([`script-src 'sha256-${hash}'`]);
});

test('the first operation fits the schema, and the headers have a place for the key', async () => {
  expect(validate(schema, parse(adminPage.defaultQuery))).toEqual([]);
  expect(adminPage.headers).toEqual({ Authorization: '', 'X-Kana-Console': 'test' });
  expect(page.html).toContain(JSON.stringify(JSON.stringify(adminPage.headers, null, 2)));
  expect(page.html).toContain(JSON.stringify(adminPage.defaultQuery));
});

test('the first operation runs on an empty environment', async () => {
  expect(await app.ok(adminPage.defaultQuery)).toEqual({ features: [], packages: [], users: [] });
});
