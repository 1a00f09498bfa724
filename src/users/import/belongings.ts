import { requireFit } from '../../amount.ts';
import type { Author } from '../../audit/rules.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { DomainError, importConflict, invalidInput } from '../../errors.ts';
import { subscribeMany } from '../../subscriptions/change/many.ts';
import { planSubscribe, withoutHeld } from '../../subscriptions/rules.ts';
import type { OwnedTerms } from '../../subscriptions/status-rules.ts';
import { findHeldByAll, findPackages } from '../../subscriptions/store.ts';
import type { RecordUsage } from '../../usage/record/record.ts';
import type { Usage } from '../../usage/record/rules.ts';
import type { Belongings, Row } from './csv-rules.ts';
import { batches, batchSize, type ImportStep } from './plan-rules.ts';

/** The result of one row. */
export interface ImportedRow {
  line: number;
  outcome: ImportStep['outcome'];
  /** The user of the row; null if it failed. */
  userKey: bigint | null;
  /** Why the row failed; null if it did not. */
  error: DomainError | null;
}

export interface BelongingsContext {
  prisma: PrismaClient;
  recordUsage: RecordUsage;
  author: Author;
}

/** What the rows bring besides facts, by line, and the steps, of which those fail whose packages or usage are not possible. */
export async function planBelongings(
  prisma: PrismaClient,
  environmentId: string,
  rows: readonly Row[],
  steps: readonly ImportStep[],
): Promise<{ belongings: Map<number, Belongings>; steps: ImportStep[] }> {
  const belongings = new Map(
    rows.flatMap(({ line, belongings: own }) => (own === undefined ? [] : [[line, own] as const])),
  );
  if (belongings.size === 0) return { belongings, steps: [...steps] };
  const check = await createCheck(prisma, environmentId, [...belongings.values()], steps);
  const checked = steps.map((step): ImportStep => {
    const own = belongings.get(step.line);
    if (step.outcome === 'FAILED' || own === undefined) return step;
    try {
      check(step, own);
      return step;
    } catch (error) {
      if (error instanceof DomainError) return { outcome: 'FAILED', line: step.line, error };
      throw error;
    }
  });
  return { belongings, steps: checked };
}

/** @throws ValidationError if a column names a feature that is not known, or BINARY */
async function createCheck(
  prisma: PrismaClient,
  environmentId: string,
  all: readonly Belongings[],
  steps: readonly ImportStep[],
) {
  const featureIds = [...new Set(all.flatMap(({ usage }) => usage.map(({ featureId }) => featureId)))];
  const found = await prisma.feature.findMany({
    where: { environmentId, id: { in: featureIds }, type: 'CONSUMABLE' },
    select: { id: true, precision: true },
  });
  const features = new Map(found.map((feature) => [feature.id, feature]));
  const missing = featureIds.find((id) => !features.has(id));
  if (missing !== undefined)
    throw invalidInput('csv', `has the column "usage:${missing}", but no CONSUMABLE feature has this id`);
  const packages = await findPackages(prisma, environmentId, [
    ...new Set(all.flatMap(({ packageIds }) => packageIds)),
  ]);
  const keys = steps.flatMap((step) => ('key' in step ? step.key : []));
  const held = new Map<bigint, OwnedTerms[]>();
  for (const batch of batches(keys, batchSize))
    for (const each of await findHeldByAll(prisma, batch))
      held.set(each.userKey, [...(held.get(each.userKey) ?? []), each]);
  return (step: ImportStep, { packageIds, usage }: Belongings) => {
    for (const { featureId, amount } of usage)
      requireFit(
        amount,
        features.get(featureId) ?? { id: featureId, precision: 0 },
        `row.usage:${featureId}`,
      );
    // What the users of a merge hold is known after it.
    if (step.outcome === 'MERGED') return;
    const own = 'key' in step ? (held.get(step.key) ?? []) : [];
    planSubscribe(withoutHeld(packageIds, own), packages, own, new Date());
  };
}

/**
 * Subscribes the users of these rows, and records what they had used elsewhere, once for each user and feature: the
 * idempotency key names the feature.
 *
 * @returns the rows, of which some may have changed a user or failed by this
 */
export async function addBelongings(
  context: BelongingsContext,
  rows: readonly ImportedRow[],
  belongings: ReadonlyMap<number, Belongings>,
): Promise<ImportedRow[]> {
  const results: ImportedRow[] = [];
  for (const batch of batches(rows, batchSize)) {
    const ids = await findUserIds(
      context.prisma,
      batch.flatMap(({ line, userKey }) => (belongings.has(line) ? (userKey ?? []) : [])),
    );
    const owned = batch.map((row) => ({ row, userId: ids.get(row.userKey), own: belongings.get(row.line) }));
    const subscribed = await subscribeRows(context, owned);
    results.push(...(await recordRows(context, subscribed)));
  }
  return results;
}

interface OwnedRow {
  row: ImportedRow;
  /** Of a row that brings something and did not fail. */
  userId: string | undefined;
  own: Belongings | undefined;
}

async function findUserIds(prisma: PrismaClient, keys: bigint[]): Promise<Map<bigint | null, string>> {
  if (keys.length === 0) return new Map();
  const users = await prisma.user.findMany({ where: { key: { in: keys } }, select: { key: true, id: true } });
  return new Map(users.map(({ key, id }) => [key, id]));
}

async function subscribeRows(
  { prisma, author }: BelongingsContext,
  rows: readonly OwnedRow[],
): Promise<OwnedRow[]> {
  const entries = rows.flatMap(({ userId, own }) =>
    userId === undefined || own === undefined || own.packageIds.length === 0
      ? []
      : [{ userId, packageIds: own.packageIds, skipHeld: true }],
  );
  const results = await subscribeMany(prisma, author, entries);
  return rows.map((each) => {
    if (each.userId === undefined || !each.own?.packageIds.length) return each;
    const result = results.shift();
    if (result === undefined) throw new Error('a user has no result');
    if (result instanceof Error) return { ...each, userId: undefined, row: failedRow(each.row, result) };
    return { ...each, row: result.length === 0 ? each.row : changedRow(each.row) };
  });
}

async function recordRows(
  { author: { environmentId }, recordUsage }: BelongingsContext,
  rows: readonly OwnedRow[],
): Promise<ImportedRow[]> {
  const places: number[] = [];
  const usages = rows.flatMap(({ userId, own }, place): Usage[] => {
    const used = userId === undefined ? [] : (own?.usage ?? []).filter(({ amount }) => amount > 0n);
    places.push(...used.map(() => place));
    return used.map(({ featureId, amount }) => ({
      ...{ environmentId, source: 'API', userId: userId ?? '', featureId, action: 'ADD', delta: amount },
      ...{ idempotencyKey: `import usage:${featureId}`, timestamp: null, enforce: false },
      note: 'Imported',
    }));
  });
  const results = rows.map(({ row }) => row);
  const recorded = usages.length === 0 ? [] : await recordUsage(usages, { withStanding: false });
  for (const [index, result] of recorded.entries()) {
    const place = places[index] as number;
    const row = results[place] as ImportedRow;
    if (result instanceof Error) results[place] = failedRow(row, result);
    else if (!result.duplicate && row.error === null) results[place] = changedRow(row);
  }
  return results;
}

const changedRow = (row: ImportedRow): ImportedRow =>
  row.outcome === 'UNCHANGED' ? { ...row, outcome: 'UPDATED' } : row;

function failedRow({ line }: ImportedRow, error: Error): ImportedRow {
  if (!(error instanceof DomainError)) throw error;
  const isRepeated = error.typedName === 'IdempotencyKeyConflictError';
  const shown = isRepeated
    ? importConflict('The opening usage of this user was imported before with another amount.')
    : error;
  return { line, outcome: 'FAILED', userKey: null, error: shown };
}
