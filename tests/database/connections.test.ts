import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { openDatabase } from '../../src/database/client.ts';

test('docs/guides/operating.md tells how many connections a process keeps', async () => {
  const database = openDatabase('postgresql://127.0.0.1:1/nowhere');
  const limits = Object.entries(database.pools).map(([name, { options }]) => [name, options.max] as const);
  await database.close();

  const docs = readFileSync('docs/guides/operating.md', 'utf8');
  const kinds =
    /for each environment (\d+) for the hot path, (\d+) for other requests, (\d+) for Segment's events; (\d+) for start, commands and metrics, (\d+) for looking up keys, (\d+) for jobs, (\d+) watch/;
  const [, hot, requests, work, shared, lookups, jobs, watch] = (kinds.exec(docs) ?? []).map(Number);
  for (const id of ['live', 'test'])
    expect(Object.fromEntries(limits)).toMatchObject({
      [`${id}_hot`]: hot,
      [`${id}_requests`]: requests,
      [`${id}_work`]: work,
      lookups,
    });
  const sharedLimits = limits.filter(([name]) => ['hot', 'requests', 'work'].includes(name));
  expect(sharedLimits.reduce((sum, [, max]) => sum + max, 0)).toBe(shared);

  const total = limits.reduce((sum, [, max]) => sum + max, (jobs ?? 0) + (watch ?? 0));
  const sizing = /up to (\d+)\nconnections open: `max_connections` of PostgreSQL has to be above (\d+) times/;
  expect(sizing.exec(docs)?.slice(1).map(Number)).toEqual([total, total]);
});
