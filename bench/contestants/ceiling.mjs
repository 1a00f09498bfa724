// Our own statement driven straight through pg, without HTTP or GraphQL: rows a second in calls of 1,000.
import pg from 'pg';
import { oneUnit } from '../../dist/amount.js';
import { appendUsage } from '../../dist/usage/record/store.js';
import { featureIds, users } from '../database.mjs';

const connections = 3;

/** One usage of anyone. */
export const item = () => ({
  withStanding: false,
  usage: {
    environmentId: 'test',
    source: 'API',
    action: 'ADD',
    delta: oneUnit,
    idempotencyKey: null,
    timestamp: null,
    enforce: false,
    userId: `user-${Math.floor(Math.random() * users)}`,
    featureId: featureIds[Math.floor(Math.random() * featureIds.length)],
  },
});

export async function measureCeiling(url, seconds) {
  const pool = new pg.Pool({ connectionString: url, max: connections });
  const end = performance.now() + seconds * 1_000;
  let calls = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < end) {
        await appendUsage(pool, Array.from({ length: 1_000 }, item));
        calls += 1;
      }
    }),
  );
  const perSecond = calls / ((performance.now() - started) / 1_000);
  await pool.end();
  return { perSecond, p50: null, p99: null, requests: calls, failures: 0 };
}
