import { type Amount, amountOf } from '../../amount.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { DomainError } from '../../errors.ts';
import { findPeriodEnds } from '../change/periods.ts';
import type { OwnSubscription } from '../change/store.ts';
import type { OwnedTerms, SubscriptionTerms } from '../status-rules.ts';
import { findHeldByAll } from '../store.ts';
import { type CheckedMigration, checkMigration, notSubscribed } from './migrate.ts';
import { instantOfMove, isConcerned, type Move, type NewMigration, planMove, settledAt } from './rules.ts';
import { countConcerned, findConcerned, findOverLimit, findUserIds } from './store.ts';

/** How many users each list of a preview names. */
export const maxNamed = 100;
const chunkSize = 1_000;

/** What a migration would do now. */
export interface MigrationPreview {
  fromPackageId: string;
  fromVersion: number | null;
  toPackageId: string;
  toVersion: number;
  total: number;
  moving: number;
  skipped: number;
  skippedUsers: { userId: string; reason: string }[];
  /** How many users. */
  overLimit: number;
  overLimitUsers: {
    userId: string;
    featureId: string;
    used: Amount;
    limit: Amount;
    overageEnabled: boolean;
  }[];
  endingAddons: { packageId: string; count: number }[];
}

interface Findings {
  skipped: { userKey: bigint; reason: string }[];
  over: { userKey: bigint; featureId: string; used: Amount; limit: Amount; overageEnabled: boolean }[];
  overKeys: Set<bigint>;
  addons: Map<string, number>;
  counts: { total: number; moving: number; skipped: number };
}

/**
 * Plans every move of a migration, with the rules and statements that the migration uses, and carries nothing out.
 *
 * @param now the instant at which it is as if the migration ran
 */
export async function previewMigration(
  db: PrismaClient,
  environmentId: string,
  input: NewMigration,
  now: Date,
): Promise<MigrationPreview> {
  const checked = await checkMigration(db, environmentId, input);
  const { selection, only, withoutKeys } = checked;
  const findings: Findings = {
    skipped: withoutKeys.slice(0, maxNamed).map((userKey) => ({ userKey, reason: notSubscribed })),
    over: [],
    overKeys: new Set(),
    addons: new Map(),
    counts: { total: withoutKeys.length, moving: 0, skipped: withoutKeys.length },
  };
  if (only !== null) await examine(db, only, checked, input, now, findings);
  else {
    const { newest: until } = await countConcerned(db, selection);
    let chunk: OwnSubscription[];
    let after = 0n;
    do {
      chunk = await findConcerned(db, selection, { after, until, count: chunkSize }, null);
      after = chunk.at(-1)?.id ?? after;
      await examine(db, chunk, checked, input, now, findings);
    } while (chunk.length === chunkSize);
  }
  return shown(db, checked, findings);
}

async function examine(
  db: PrismaClient,
  chunk: readonly OwnSubscription[],
  { selection, target }: CheckedMigration,
  { at, usage }: NewMigration,
  now: Date,
  findings: Findings,
): Promise<void> {
  const { counts } = findings;
  const held = heldByUser(await findHeldByAll(db, [...new Set(chunk.map(({ userKey }) => userKey))]));
  const ends = at === 'NOW' ? null : await findPeriodEnds(db, chunk, now);
  const moves: (OwnSubscription & { at: Date })[] = [];
  for (const { userKey, id } of chunk) {
    const own = settledAt(held.get(userKey) ?? [], now);
    const moved = own.find((each) => each.id === id);
    if (moved === undefined || !isConcerned(moved, selection)) continue;
    counts.total += 1;
    const plan = orRefusal(() => planMove(target, moved, own, instantOfMove(at, now, ends?.get(id) ?? null)));
    if (typeof plan === 'string') {
      counts.skipped += 1;
      if (findings.skipped.length < maxNamed) findings.skipped.push({ userKey, reason: plan });
      continue;
    }
    counts.moving += 1;
    moves.push({ userKey, id, at: plan.at });
    noteAddons(findings.addons, plan, own);
  }
  if (usage === 'CARRY') await noteOverLimit(db, moves, target, findings);
}

function heldByUser(held: readonly OwnedTerms[]) {
  const byUser = new Map<bigint, SubscriptionTerms[]>();
  for (const each of held) {
    const own = byUser.get(each.userKey) ?? [];
    own.push(each);
    byUser.set(each.userKey, own);
  }
  return byUser;
}

/** The plan, or why a rule does not allow it. */
function orRefusal(plan: () => Move): Move | string {
  try {
    return plan();
  } catch (error) {
    if (error instanceof DomainError) return error.message;
    throw error;
  }
}

function noteAddons(
  addons: Map<string, number>,
  { cancelledAddonIds }: Move,
  held: readonly SubscriptionTerms[],
) {
  for (const { id, package: item } of held)
    if (cancelledAddonIds.includes(id)) addons.set(item.id, (addons.get(item.id) ?? 0) + 1);
}

async function noteOverLimit(
  db: PrismaClient,
  moves: readonly (OwnSubscription & { at: Date })[],
  target: { id: string; version: number },
  { over, overKeys }: Findings,
): Promise<void> {
  for (const { userKey, featureId, used, limit, overageEnabled } of await findOverLimit(db, moves, target)) {
    if ((!overKeys.has(userKey) && overKeys.size < maxNamed) || over.at(-1)?.userKey === userKey)
      over.push({ userKey, featureId, used: amountOf(used), limit: amountOf(limit), overageEnabled });
    overKeys.add(userKey);
  }
}

async function shown(
  db: PrismaClient,
  { selection }: CheckedMigration,
  { skipped, over, overKeys, addons, counts }: Findings,
): Promise<MigrationPreview> {
  const ids = await findUserIds(db, [...new Set([...skipped, ...over].map(({ userKey }) => userKey))]);
  const named = <Item extends { userKey: bigint }>({ userKey, ...item }: Item) => ({
    userId: ids.get(userKey) ?? '',
    ...item,
  });
  const { fromPackageId, fromVersion, toPackageId, toVersion } = selection;
  return {
    ...{ fromPackageId, fromVersion, toPackageId, toVersion },
    ...counts,
    skippedUsers: skipped.map(named),
    overLimit: overKeys.size,
    overLimitUsers: over.map(named),
    endingAddons: [...addons].map(([packageId, count]) => ({ packageId, count })),
  };
}
