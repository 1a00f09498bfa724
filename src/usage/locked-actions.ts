import type { Pool, PoolClient } from 'pg';
import { type Case, decide, emptyTally } from './decision-rules.ts';
import {
  appendEntries,
  grantsKey,
  lockUsers,
  readClock,
  readCounters,
  readGrants,
  readSubjects,
  saveCounters,
} from './locked-store.ts';
import type { Recorded, Usage } from './rules.ts';

/**
 * Records lists of usages in one transaction: with their users locked, it loads what is there, decides item
 * by item in order, and saves what was decided.
 */
export async function recordLocked(
  hot: Pool,
  lists: readonly (readonly Usage[])[],
): Promise<(Recorded | Error)[][]> {
  const client = await hot.connect();
  try {
    await client.query('begin');
    const results = await recordAll(client, lists.flat());
    await client.query('commit');
    client.release();
    return lists.map((list) => results.splice(0, list.length));
  } catch (error) {
    // A connection whose transaction failed is not used again: it may be the connection that failed.
    client.release(true);
    throw error;
  }
}

async function recordAll(client: PoolClient, usages: readonly Usage[]): Promise<(Recorded | Error)[]> {
  const cases = await loadCases(client, usages);
  const tally = emptyTally(cases);
  const counters = [...tally.counters.values()];
  const used = await readCounters(client, counters);
  for (const [index, counter] of counters.entries()) counter.used = used[index] ?? 0n;

  const results = cases.map((item) => decide(item, tally));
  await appendEntries(client, tally.entries);
  await saveCounters(client, [...tally.changed]);
  return results;
}

/**
 * Locks the users and loads what is known of each usage. If a user was merged into another meanwhile, it lets
 * all locks go and begins anew: a survivor's row is never waited for with later rows in hand.
 */
async function loadCases(client: PoolClient, usages: readonly Usage[]): Promise<Case[]> {
  const locked = await lockUsers(client, usages);
  const subjects = await readSubjects(client, usages);
  if (subjects.some(({ userKey }) => userKey !== null && !locked.has(userKey))) {
    await client.query('rollback and chain');
    return loadCases(client, usages);
  }
  const now = await readClock(client);
  const grants = await readGrants(client, locked, new Set(usages.map(({ featureId }) => featureId)));
  return subjects.map(({ usage, ...subject }) => ({
    ...subject,
    usage,
    now,
    at: usage.timestamp === null || usage.timestamp > now ? now : usage.timestamp,
    grants: (subject.userKey !== null && grants.get(grantsKey(subject.userKey, usage.featureId))) || [],
  }));
}
