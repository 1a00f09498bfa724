import type { Pool, PoolClient } from 'pg';
import { numberOf } from '../../amount.ts';
import type { Author } from '../../audit/rules.ts';
import { appendUsageEntry } from '../../audit/store.ts';
import { readClock } from '../../database/clock.ts';
import { BusyError } from '../../database/errors.ts';
import { RETRY, waitBriefly } from '../../database/held.ts';
import { inShortTransaction, inTransaction } from '../../database/transaction.ts';
import { eachInSlices, mapInSlices } from '../../slices.ts';
import { maxMergesFollowed } from '../../users/store.ts';
import { Excess } from '../draws/rules.ts';
import { readExcess, readTopUps, saveDraws, saveExcess } from '../draws/store.ts';
import { readHeld } from '../reservations/store.ts';
import { addCounters, type Case, decide, emptyTally, type Tally } from './decision-rules.ts';
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

/**
 * Records lists of usages in one transaction: locks the users, loads the current state, decides all usages in order,
 * and saves the results.
 *
 * @param locked whether to wait for locked users, or to skip each list with such a user, which then returns RETRY
 */
export function recordLocked(
  hot: Pool,
  lists: readonly (readonly Usage[])[],
  locked: IfLocked,
): Promise<((Recorded | Error)[] | typeof RETRY)[]> {
  const usages = lists.flat();
  return inShortTransaction(hot, {
    open: (client) =>
      locked === 'wait' ? loadWaiting(client, usages, waitBriefly) : loadCases(client, usages, 'skip'),
    async work(client, loaded) {
      const cases = lists.map((list) => readyOnly(loaded.splice(0, list.length)));
      const { results, last } = await decideAll(
        client,
        cases.flatMap((list) => list ?? []),
      );
      return { result: cases.map((list) => (list === null ? RETRY : results.splice(0, list.length))), last };
    },
  });
}

/** Records usages by hand, each with an entry in the audit log in the same transaction. */
export function recordByHand(
  hot: Pool,
  author: Author,
  usages: readonly Usage[],
): Promise<(Recorded | Error)[]> {
  return inTransaction(hot, async (client) => {
    const cases = readyOnly(await loadWaiting(client, usages));
    if (cases === null) throw new Error('a user could not be locked');
    const results = await recordAll(client, cases);
    for (const [index, { usage, userKey }] of cases.entries()) {
      const result = results[index];
      if (result === undefined || result instanceof Error || !result.recorded || result.duplicate) continue;
      await appendUsageEntry(client, author, { subjectId: usage.userId, userKey, after: auditFields(usage) });
    }
    return results;
  });
}

/** The fields of a usage in the audit log. */
export const auditFields = ({ featureId, action, delta, timestamp, note }: Usage) => ({
  featureId,
  action,
  delta: numberOf(delta),
  ...(timestamp === null ? {} : { timestamp: timestamp.toISOString() }),
  ...(note ? { note } : {}),
});

/**
 * Decides usages within a larger transaction, each on its own: one whose user is locked returns RETRY.
 *
 * @param locked whether to wait for locked users
 */
export async function decideWithin(
  client: PoolClient,
  usages: readonly Usage[],
  locked: IfLocked,
): Promise<(Recorded | typeof RETRY | Error)[]> {
  const cases = await loadCases(client, usages, locked);
  const results = await recordAll(
    client,
    cases.filter((item) => item !== null),
  );
  return cases.map((item) => (item === null ? RETRY : (results.shift() ?? RETRY)));
}

/** The cases of a list; null if a user of the list could not be locked. */
function readyOnly(list: readonly (Case | null)[]): Case[] | null {
  const ready = list.filter((item) => item !== null);
  return ready.length === list.length ? ready : null;
}

/** Whose work on the event loop this is. */
const ownerOf = ([first]: readonly Case[]) => first?.usage.environmentId;

/** The counters of all windows that matter to these cases, as they are now. The users are locked. */
export async function loadTally(client: PoolClient, cases: readonly Case[]): Promise<Tally> {
  const tally = await tallyOf(cases);
  await loadUsed(client, tally);
  return tally;
}

/** The counters of all windows that matter to these cases, still without what was used. */
async function tallyOf(cases: readonly Case[]): Promise<Tally> {
  const tally = emptyTally();
  await eachInSlices(cases, (item) => addCounters(item, tally), ownerOf(cases));
  return tally;
}

async function loadUsed(client: PoolClient, { counters }: Tally): Promise<void> {
  const windows = [...counters.values()];
  const used = await readCounters(client, windows);
  for (const [index, counter] of windows.entries()) counter.used = used[index] ?? 0n;
}

/** Loads the usage beyond the budget of all windows of users who have top-ups. */
async function loadExcess(client: PoolClient, cases: readonly Case[], tally: Tally): Promise<void> {
  const toppedUp = new Set(
    cases.flatMap(({ hasTopUps, userKey }) => (hasTopUps && userKey !== null ? [userKey] : [])),
  );
  const windows = [...tally.counters.values()].filter(({ userKey }) => toppedUp.has(userKey));
  if (windows.length === 0) return;
  const parts = await readExcess(client, windows);
  for (const [index, window] of windows.entries()) tally.excess.set(window, new Excess(parts[index] ?? []));
}

/** Decides these cases in order, and saves the results. The users are locked. */
export async function recordAll(client: PoolClient, cases: readonly Case[]): Promise<(Recorded | Error)[]> {
  const { results, last } = await decideAll(client, cases);
  await last;
  return results;
}

/** The same in fewer round trips. `last` is the answer to the last statements, which are sent already. */
async function decideAll(
  client: PoolClient,
  cases: readonly Case[],
): Promise<{ results: (Recorded | Error)[]; last: Promise<unknown> }> {
  const tally = await tallyOf(cases);
  await Promise.all([loadUsed(client, tally), loadExcess(client, cases, tally)]);
  const results = await mapInSlices(cases, (item) => decide(item, tally), ownerOf(cases));
  const changed = [...tally.excess].flatMap(([window, excess]) =>
    tally.changed.has(window) && excess.isFollowed ? { window, excess } : [],
  );
  const saved = Promise.all([
    appendEntries(client, tally.entries),
    saveCounters(client, [...tally.changed]),
    saveExcess(client, changed),
  ]);
  // Draws name the usages that caused them, by ids that the ledger gives.
  if (changed.every(({ excess }) => excess.draws.length === 0)) return { results, last: saved };
  const [eventIds] = await saved;
  return { results, last: saveDraws(client, changed, eventIds) };
}

/**
 * Waits for the locks of the users. If a user was merged meanwhile, it releases all locks and starts again: to keep
 * the lock order, it never waits for a survivor while it holds rows with larger keys.
 */
export async function loadWaiting(
  client: PoolClient,
  usages: readonly Usage[],
  prepare?: (client: PoolClient) => Promise<void>,
): Promise<(Case | null)[]> {
  for (let attempt = 0; attempt < maxMergesFollowed; attempt += 1) {
    const prepared = prepare?.(client);
    const [cases] = await Promise.all([loadCases(client, usages, 'wait'), prepared]);
    if (!cases.includes(null)) return cases;
    await client.query('rollback and chain');
  }
  throw new BusyError(`usage met a merge of its user ${maxMergesFollowed} times in a row`);
}

/** Locks the users and loads the case of each usage; null if its user could not be locked. */
export async function loadCases(
  client: PoolClient,
  usages: readonly Usage[],
  locked: IfLocked,
): Promise<(Case | null)[]> {
  // One round trip: PostgreSQL runs them in this order, so what is read is read under the locks.
  const [userKeys, subjects, now] = await Promise.all([
    lockUsers(client, usages, locked),
    readSubjects(client, usages),
    readClock(client),
  ]);
  const at = ({ timestamp }: Usage) => (timestamp === null || timestamp > now ? now : timestamp);
  const known = subjects.flatMap(({ usage, userKey, ...has }) =>
    userKey === null || !userKeys.has(userKey)
      ? []
      : { userKey, featureId: usage.featureId, since: at(usage), ...has },
  );
  const toppedUp = known.filter(({ hasTopUps }) => hasTopUps);
  const holders = known.flatMap(({ hasHolds, userKey }) => (hasHolds ? userKey : []));
  const [grants, topUps, held] = await Promise.all([
    readGrants(client, known),
    toppedUp.length === 0 ? null : readTopUps(client, toppedUp, grantsKey),
    holders.length === 0 ? null : readHeld(client, holders, now, grantsKey),
  ]);
  return subjects.map((subject) => {
    const { usage, userKey } = subject;
    if (userKey !== null && !userKeys.has(userKey)) return null;
    return {
      ...subject,
      now,
      at: at(usage),
      grants: (userKey !== null && grants.get(grantsKey(userKey, usage.featureId))) || [],
      held: (userKey !== null && held?.get(grantsKey(userKey, usage.featureId))) || 0n,
      topUps: (userKey !== null && topUps?.get(grantsKey(userKey, usage.featureId))) || [],
    };
  });
}
