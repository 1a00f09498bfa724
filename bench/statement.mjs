// What one statement costs by how many calls share it: one connection, no HTTP, each statement committed.
import pg from 'pg';
import { appendUsage } from '../dist/usage/record/store.js';
import { item } from './contestants/ceiling.mjs';

const sizes = [1, 10, 20, 40, 64, 200, 1_000];

/** Measures each size for so many seconds, and prints microseconds. */
export async function measureStatements(url, seconds) {
  const client = new pg.Client(url);
  await client.connect();
  await client.query('set plan_cache_mode = force_generic_plan');
  await runFor(client, 20, 1);
  const rows = [];
  for (const calls of sizes) {
    const microseconds = await runFor(client, calls, seconds);
    rows.push({
      calls,
      'µs a statement': Math.round(microseconds),
      'µs a call': Math.round(microseconds / calls),
    });
  }
  await client.end();
  console.table(rows);
  return rows;
}

async function runFor(client, calls, seconds) {
  const started = performance.now();
  let statements = 0;
  for (; performance.now() - started < seconds * 1_000; statements += 1) {
    await appendUsage(client, Array.from({ length: calls }, item));
  }
  return ((performance.now() - started) * 1_000) / statements;
}
