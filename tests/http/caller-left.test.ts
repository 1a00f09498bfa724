import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { someoneWaitsFor } from '../helpers/locks.ts';

/* What the server does for a caller who disconnects before the answer. */

let app: TestApp;
const messages: string[] = [];

beforeAll(async () => {
  app = await startTestApp({
    log: pino({ level: 'debug' }, { write: (line: string) => void messages.push(line) }),
  });
  await app.ok('mutation { createFeature(input: { id: "calls", type: CONSUMABLE }) { id } }');
});
afterAll(() => app.close());

test.each([
  ['usage_rollup', '{ usageSeries(featureId: "calls") { used } }'],
  ['"user"', '{ exportUsers }'],
  ['"user"', '{ users(first: 1) { id } }'],
  ['"user"', '{ users(search: "anna") { id } }'],
])('a read that waits for %s ends with its caller: %s', async (table, query) => {
  const holder = await app.database.work.connect();
  await holder.query(`begin; lock table ${table} in access exclusive mode`);
  const caller = new AbortController();
  const answer = fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { authorization: app.keys.test, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
    signal: caller.signal,
  }).catch((error: Error) => error.name);
  await someoneWaitsFor(app.database, holder);
  messages.length = 0;
  caller.abort();
  expect(await answer).toBe('AbortError');
  // Its connection is closed. Without that, the statement would wait until the lock timeout ends it.
  while (!messages.some((line) => /terminated|lock timeout/.test(line))) await sleep(10);
  expect(messages.join('\n')).not.toContain('lock timeout');
  await holder.query('rollback');
  holder.release();
  await app.ok(query);
});
