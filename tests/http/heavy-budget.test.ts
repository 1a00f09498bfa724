import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PoolClient } from 'pg';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { someoneWaitsFor } from '../helpers/locks.ts';

/* Exports of `test` wait for a table that somebody holds, until the budget of heavy work of `test` is used up. */

let app: TestApp;
let holder: PoolClient;
let occupying: Promise<unknown>[];

/** One runs, and ten wait. */
const budget = 11;

beforeAll(async () => {
  app = await startTestApp();
  holder = await app.database.work.connect();
  await holder.query('begin; lock table "user" in access exclusive mode');
  occupying = Array.from({ length: budget }, () =>
    app.http.post('/graphql').set('Authorization', app.keys.test).send({ query: '{ exportUsers }' }),
  ).map((sent) => sent.then(() => null));
  await someoneWaitsFor(app.database, holder);
});
afterAll(async () => {
  await holder.query('rollback');
  holder.release();
  await Promise.all(occupying);
  await app.close();
});

test.each([
  'mutation { importUsers(csv: "id\\nanna") { rows { outcome } } }',
  '{ previewMerge(ids: ["anna", "bert"]) { survivor { id } } }',
  '{ exportUsers(first: 1) }',
  'query { previewCatalogue(yaml: "version: 1") { fingerprint } }',
])('an operation beyond the budget of heavy work is refused: %s', async (query) => {
  const { status, body } = await app.http
    .post('/graphql')
    .set('Authorization', app.keys.test)
    .send({ query });
  expect({ status, code: body.errors[0].extensions.code }).toEqual({ status: 503, code: 'OVERLOADED' });
});

test.each([
  ['get', '/cli/pull'],
  ['post', '/cli/validate'],
  ['post', '/cli/publish'],
] as const)('a request of the kana command beyond the budget is refused: %s %s', async (method, path) => {
  const sent = app.http[method](path).set('Authorization', app.keys.test);
  const { status, headers, body } = await (method === 'get'
    ? sent
    : sent.send({ features: [], packages: [] }));
  expect({ status, code: body.errors[0].extensions.code }).toEqual({ status: 503, code: 'OVERLOADED' });
  expect(headers['retry-after']).toBeDefined();
});

test('the other environment has a budget of its own', async () => {
  await app.ok('query { previewCatalogue(yaml: "version: 1") { fingerprint } }', {}, app.keys.live);
});
