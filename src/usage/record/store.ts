import type { ClientBase } from 'pg';
import { type Amount, amountOf } from '../../amount.ts';
import { RETRY } from '../../database/held.ts';
import type { Standing } from '../../entitlements/rules.ts';
import { type GrantRow, standingOf } from '../../entitlements/store.ts';
import { statementOf } from './append-store.ts';
import {
  decideKnown,
  type FirstUse,
  type IfLocked,
  type Recorded,
  recordedNow,
  type Usage,
} from './rules.ts';

/** An ADD without enforce, and whether to return the standing after it. */
export interface Addition {
  usage: Usage;
  withStanding: boolean;
}

/** The user has top-ups, so that the result depends on current usage: see locked.ts. */
export const DECIDE = Symbol('decide');

type Appended = Recorded | typeof RETRY | typeof DECIDE | Error;

interface OutcomeRow {
  ord: string;
  inserted: boolean;
  user_known: boolean;
  has_top_ups: boolean | null;
  is_told: boolean;
  feature_type: 'BINARY' | 'CONSUMABLE' | null;
  precision: number | null;
  first_feature_id: string | null;
  first_action: 'ADD' | 'SET';
  first_delta: string;
}

interface StandingRow extends OutcomeRow, GrantRow {
  window_start: Date | null;
  counts_in_winner: boolean;
}

/** The feature is that of a counter; only counters have no `ord`. */
type AppendedRow = Omit<StandingRow, 'ord'> & { ord: string | null; feature_id: string | null };

/** How long environments are expected to be as they were. Only a guess, which saves a statement: the statements decide. */
const expectedForMs = 10_000;

/** Remembers environments for which a batch needed the larger statement. */
function createExpectation() {
  const until = new Map<string, number>();
  return {
    isLikely: (usages: readonly Usage[]): boolean =>
      until.size > 0 &&
      usages.some(({ environmentId }) => (until.get(environmentId) ?? 0) > performance.now()),
    expect(usages: readonly Usage[]): void {
      for (const { environmentId } of usages) until.set(environmentId, performance.now() + expectedForMs);
    },
  };
}

const alerts = createExpectation();
const topUps = createExpectation();

/**
 * Records additions and returns one result per item. They are durable when it returns, or when the surrounding
 * transaction commits.
 *
 * @param locked whether to wait for locked users, or to skip their items, which then return RETRY
 */
export async function appendUsage(
  client: Pick<ClientBase, 'query'>,
  items: readonly Addition[],
  locked: IfLocked = 'wait',
): Promise<Appended[]> {
  const usages = items.map(({ usage }) => usage);
  const withStanding = items.some((item) => item.withStanding);
  const toppedUp = topUps.isLikely(usages) ? 'record' : 'refuse';
  const run = async (tells: boolean) => {
    const appending = { locked, alerts: tells ? 'write' : 'refuse', toppedUp } as const;
    const statement = statementOf(appending, withStanding);
    const { rows } = await client.query<AppendedRow>({ ...statement, values: columns(usages) });
    return rows;
  };
  let rows = await run(alerts.isLikely(usages));
  if (rows.some((row) => row.is_told)) {
    alerts.expect(usages);
    rows = await run(true);
  }
  const standings = withStanding ? standingsOf(rows, usages) : [];
  const outcomes = new Map<number, AppendedRow>();
  for (const row of rows) if (row.ord !== null) outcomes.set(Number(row.ord) - 1, row);
  topUps.expect(usages.filter((_usage, index) => outcomes.get(index)?.has_top_ups));
  return usages.map((usage, index) => resultOf(usage, outcomes.get(index), standings[index] ?? null));
}

const columns = (usages: readonly Usage[]) => [
  usages.map((usage) => usage.environmentId),
  usages.map((usage) => usage.userId),
  usages.map((usage) => usage.featureId),
  usages.map((usage) => usage.delta),
  usages.map((usage) => usage.timestamp),
  usages.map((usage) => usage.idempotencyKey),
  usages.map((usage) => usage.source),
  usages.map((usage) => usage.note ?? null),
];

/**
 * The standing directly after each item. The statement returns the counters after the whole batch; this walks backwards
 * from its end and subtracts what each item added.
 */
function standingsOf(rows: readonly AppendedRow[], usages: readonly Usage[]) {
  const used = new Map<string, Amount>();
  const standings: Standing[] = [];
  for (const row of rows) {
    if (row.ord === null) used.set(windowName(row, row.feature_id ?? ''), amountOf(row.used ?? 0));
  }
  for (const row of rows.filter(({ ord }) => ord !== null).sort((a, b) => Number(b.ord) - Number(a.ord))) {
    const index = Number(row.ord) - 1;
    const usage = usages[index];
    if (row.feature_type === null || usage === undefined) continue;
    const name = windowName(row, usage.featureId);
    const after = used.get(name) ?? amountOf(row.used ?? 0);
    standings[index] = { ...standingOf(row.feature_type, row), used: after };
    if (row.counts_in_winner) used.set(name, after - usage.delta);
  }
  return standings;
}

const windowName = (row: Pick<StandingRow, 'subscription_id' | 'window_start'>, featureId: string) =>
  `${row.subscription_id} ${row.window_start?.getTime()} ${featureId}`;

function resultOf(usage: Usage, outcome: AppendedRow | undefined, standing: Standing | null): Appended {
  if (outcome === undefined || outcome.inserted) return { ...recordedNow, standing };
  const known = decideKnown(usage, {
    userKnown: outcome.user_known,
    featureType: outcome.feature_type,
    precision: outcome.precision ?? 0,
    first: outcome.first_feature_id === null ? null : firstUse(outcome, outcome.first_feature_id),
  });
  if (known === null) return outcome.has_top_ups ? DECIDE : RETRY;
  return known instanceof Error ? known : { ...known, standing };
}

const firstUse = (
  { first_action: action, first_delta: delta }: AppendedRow,
  featureId: string,
): FirstUse => ({
  featureId,
  action,
  delta: amountOf(delta),
});
