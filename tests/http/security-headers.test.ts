import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

test.each([
  ['GET', '/', '*/*'],
  ['GET', '/graphql', 'text/html'],
  ['POST', '/graphql', '*/*'],
  ['POST', '/client/graphql', '*/*'],
  ['POST', '/segment/events', '*/*'],
  ['GET', '/health/live', '*/*'],
  ['GET', '/nowhere', '*/*'],
])('the answer to %s %s (%s) may not be framed, guessed at, or followed', async (method, path, accept) => {
  const { headers } = await fetch(app.url + path, { method, headers: { accept }, redirect: 'manual' });

  expect(headers.get('content-security-policy')).toMatch(/^default-src 'none';.*frame-ancestors 'none'$/);
  expect(headers.get('x-frame-options')).toBe('DENY');
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
});
