import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import type { Author } from '../../audit/rules.ts';
import { appendUsageEntry } from '../../audit/store.ts';
import { readClock } from '../../database/clock.ts';
import { BusyError } from '../../database/errors.ts';
import { inTransaction } from '../../database/transaction.ts';
import { maxMergesFollowed } from '../../users/store.ts';
import { type Case, decide, emptyTally } from './decision-rules.ts';
import {
  appendEntries,
  grantsKey,
  lockUsers,
  readCounters,
  readGrants,
  readSubjects,
  saveCounters,
} from './locked-store.ts';
import type { IfLocked, Recorded, Usage } from './rules.ts';
import { RETRY } from './store.ts';

/**
 * Records lists of usages in one transaction: with their users locked, it loads what is there, decides item
 * by item in order, and saves what was decided.
 *
 * @param locked whether to wait for whoever has locked a user, or to skip each list with such a user, which is to be
 *   asked again
 */
export function recordLocked(
  hot: Pool,
  lists: readonly (readonly Usage[])[],
  locked: IfLocked,
): Promise<((Recorded | Error)[] | typeof RETRY)[]> {
  return inTransaction(hot, async (client) => {
    const usages = lists.flat();
    const loaded = await (locked === 'wait'
      ? loadPatiently(client, usages)
      : loadCases(client, usages, 'skip'));
    const cases = lists.map((list) => readyOnly(loaded.splice(0, list.length)));
    const results = await recordAll(
      client,
      cases.flatMap((list) => list ?? []),
    );
    return cases.map((list) => (list === null ? RETRY : results.splice(0, list.length)));
  });
}

/** Records usages by hand: with an entry in the audit log for each that is recorded, in the same transaction. */
export function recordByHand(
  hot: Pool,
  author: Author,
  usages: readonly Usage[],
): Promise<(Recorded | Error)[]> {
  return inTransaction(hot, async (client) => {
    const cases = readyOnly(await loadPatiently(client, usages));
    if (cases === null) throw new Error('a user was waited for and not locked');
    const results = await recordAll(client, cases);
    for (const [index, { usage, userKey }] of cases.entries()) {
      const result = results[index];
      if (result === undefined || result instanceof Error || !result.recorded || result.duplicate) continue;
      await appendUsageEntry(client, author, { subjectId: usage.userId, userKey, after: told(usage) });
    }
    return results;
  });
}

/** What the audit log tells of a usage. */
const told = ({ featureId, action, delta, timestamp, note }: Usage) => ({
  featureId,
  action,
  delta,
  ...(timestamp === null ? {} : { timestamp: timestamp.toISOString() }),
  ...(note ? { note } : {}),
});

/** The cases of a list, unless one is of a user who could not be locked. */
function readyOnly(list: readonly (Case | null)[]): Case[] | null {
  const ready = list.filter((item) => item !== null);
  return ready.length === list.length ? ready : null;
}

const decidedInARow = 100;

async function recordAll(client: PoolClient, cases: readonly Case[]): Promise<(Recorded | Error)[]> {
  const tally = emptyTally(cases);
  const counters = [...tally.counters.values()];
  const used = await readCounters(client, counters);
  for (const [index, counter] of counters.entries()) counter.used = used[index] ?? 0n;

  const results: (Recorded | Error)[] = [];
  for (const [index, item] of cases.entries()) {
    results.push(decide(item, tally));
    // Others are answered while a long list is decided.
    if (index % decidedInARow === decidedInARow - 1) await nextTurn();
  }
  await appendEntries(client, tally.entries);
  await saveCounters(client, [...tally.changed]);
  return results;
}

/**
 * Waits for the users' locks. If a user was merged into another meanwhile, it lets all locks go and begins anew: a
 * survivor's row is never waited for with later rows in hand.
 */
async function loadPatiently(client: PoolClient, usages: readonly Usage[]): Promise<(Case | null)[]> {
  for (let attempt = 0; attempt < maxMergesFollowed; attempt += 1) {
    const cases = await loadCases(client, usages, 'wait');
    if (!cases.includes(null)) return cases;
    await client.query('rollback and chain');
  }
  throw new BusyError(`usage met a merge of its user ${maxMergesFollowed} times in a row`);
}

/** Locks the users, and loads what is known of each usage; null for a usage of a user who is not locked. */
async function loadCases(
  client: PoolClient,
  usages: readonly Usage[],
  locked: IfLocked,
): Promise<(Case | null)[]> {
  const userKeys = await lockUsers(client, usages, locked);
  const subjects = await readSubjects(client, usages);
  const now = await readClock(client);
  const at = ({ timestamp }: Usage) => (timestamp === null || timestamp > now ? now : timestamp);
  const since = new Map<bigint, Date>();
  for (const { usage, userKey } of subjects) {
    if (userKey === null || !userKeys.has(userKey)) continue;
    const known = since.get(userKey);
    if (known === undefined || at(usage) < known) since.set(userKey, at(usage));
  }
  const grants = await readGrants(client, since, new Set(usages.map(({ featureId }) => featureId)));
  return subjects.map((subject) => {
    const { usage, userKey } = subject;
    if (userKey !== null && !userKeys.has(userKey)) return null;
    return {
      ...subject,
      now,
      at: at(usage),
      grants: (userKey !== null && grants.get(grantsKey(userKey, usage.featureId))) || [],
    };
  });
}
