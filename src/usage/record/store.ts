import type { ClientBase } from 'pg';
import { type Amount, amountOf } from '../../amount.ts';
import { amountSql, fitsSql } from '../../database/amount-sql.ts';
import { RETRY } from '../../database/held.ts';
import {
  countingHoldingsSql,
  holderSql,
  windowColumnsSql,
  windowStartSql,
} from '../../entitlements/holdings-store.ts';
import type { Standing } from '../../entitlements/rules.ts';
import { type GrantRow, standingOf, winnerSql } from '../../entitlements/store.ts';
import { alertCtes, isToldSql } from './alerts-store.ts';
import { earlierUseSql, firstUseSql } from './keys-store.ts';
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

/* Grants are looked up for those users of the batch only who have some. */
const ofEvent = {
  userKey: 'e.user_key',
  hasGrants: 'e.user_key = any (array(select distinct user_key from ready where has_grants))',
};

/** What a statement does about alerts: it writes them, or records nothing if a webhook is to be told of any. */
type Alerts = 'write' | 'refuse';

/*
 * One statement for a whole batch. It resolves users and features, locks the users' rows, appends to the
 * ledger, and adds the appended usage to the counters.
 *
 * The lock makes it exact. A change of subscriptions holds the user's row FOR UPDATE and increases its revision (see
 * src/subscriptions/store.ts). The lock waits for such a change and then returns the newest revision, while `item` has
 * the revision of the statement's snapshot. If they differ, the item gets no event id and runs again. So does an item
 * with a locked user, in a batch that does not wait for locks. A user with top-ups is not locked and gets no event id.
 * Event ids are drawn after the lock, so for each user the order of ids is the order in which events count.
 *
 * To set up the steps that write alerts costs as much as ten usages, and nearly no batch needs them. So there is a
 * statement without them. It looks for webhooks in the snapshot in which the other would; if it finds one, no user is
 * locked, no item gets an event id, and the batch runs again with the other statement.
 *
 * Lock order: users, then idempotency keys, then counters, each in a fixed order. So batches never deadlock.
 *
 * Every look-up is a lateral join by key, so that wrong statistics never lead to a scan of a whole table, or to a
 * comparison of all pairs of items.
 */
const appendSql = (locked: IfLocked, alerts: Alerts) => `
  with ready as materialized (
    select item.*, case when locked.revision = item.revision and ${fitsSql('item.delta', 'item.precision')}
      then nextval('usage_event_id_seq') end as event_id
    from (
      select i.*, ${amountSql('i.millionths')} as delta, u.user_key, u.revision, u.has_grants, u.has_top_ups, u.has_holds, f.type as feature_type, f.precision,
        least(coalesce(i.occurred_at, now()), date_trunc('milliseconds', now())) as at,
        ${alerts === 'refuse' ? isToldSql('$1') : 'false'} as is_told
      from unnest($1::text[], $2::text[], $3::text[], $4::numeric[], $5::timestamptz[], $6::text[], $7::text[],
        $8::text[])
        with ordinality
        as i(environment_id, user_id, feature_id, millionths, occurred_at, idempotency_key, source, note, ord)
      ${holderSql('i.environment_id', 'i.user_id')}
      left join lateral (
        select type, precision from feature where environment_id = i.environment_id and id = i.feature_id limit 1
      ) f on true
      order by u.user_key
    ) item
    left join lateral (
      select revision from "user"
      where key = item.user_key and item.feature_type = 'CONSUMABLE' and not item.has_top_ups and not item.is_told
      for key share ${locked === 'skip' ? 'skip locked' : ''}
    ) locked on true
  ), keyed as (
    insert into usage_key (user_key, idempotency_key, event_id, environment_id, feature_id, action, delta)
    select user_key, idempotency_key, event_id, environment_id, feature_id, 'ADD', delta from ready
    where event_id is not null and idempotency_key is not null
      and (select true from (${earlierUseSql('ready.user_key', 'ready.idempotency_key')}) earlier limit 1) is null
    order by user_key, idempotency_key, ord
    on conflict do nothing
    returning event_id
  ), inserted as (
    insert into usage_event
      (user_key, id, environment_id, feature_id, action, delta, occurred_at, idempotency_key, source, note)
    select user_key, event_id, environment_id, feature_id, 'ADD', delta, at, idempotency_key, source::"UsageSource",
      note
    from ready
    where event_id is not null and (idempotency_key is null or event_id in (select event_id from keyed))
    returning id, user_key, environment_id, feature_id, delta, occurred_at
  ), counted as (
    insert into usage_counter as counter
      (user_key, subscription_id, feature_id, window_start, environment_id, used)
    select e.user_key, held.id, e.feature_id, held.window_start, e.environment_id, sum(e.delta)
    from inserted e
    cross join lateral (
      select h.id, ${windowStartSql('h', 'e.occurred_at')} as window_start
      from ${countingHoldingsSql(ofEvent, 'e.feature_id', 'e.occurred_at')} h
      offset 0
    ) held
    group by e.user_key, held.id, e.feature_id, held.window_start, e.environment_id
    order by e.user_key, held.id, e.feature_id, held.window_start
    on conflict (user_key, subscription_id, feature_id, window_start)
      do update set used = counter.used + excluded.used
    returning user_key, subscription_id, feature_id, window_start, environment_id, used
  ), ${alerts === 'write' ? `${alertCtes('counted')},` : ''} outcome as materialized (
    select ready.*, coalesce(event_id in (select id from inserted), false) as inserted from ready
  )`;

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

const outcomeSql = `
  select outcome.ord, outcome.inserted, outcome.user_key is not null as user_known, outcome.has_top_ups,
    outcome.is_told, outcome.feature_type, outcome.precision,
    first.feature_id as first_feature_id, first.action as first_action, first.delta as first_delta`;

const firstSql = `
  from outcome
  left join lateral (
    ${firstUseSql('outcome.user_key', 'outcome.idempotency_key', 'not outcome.inserted')}
  ) first on true`;

/* Returns rows only for items that were not inserted: a batch of new usage returns no row. */
const recordSql = (locked: IfLocked, alerts: Alerts) =>
  `${appendSql(locked, alerts)} ${outcomeSql} ${firstSql} where not outcome.inserted`;

interface StandingRow extends OutcomeRow, GrantRow {
  window_start: Date | null;
  counts_in_winner: boolean;
}

/** The feature is that of a counter; only counters have no `ord`. */
type AppendedRow = Omit<StandingRow, 'ord'> & { ord: string | null; feature_id: string | null };

/* Also returns the standing of each user, and the counters after the whole batch. */
const recordAndStandSql = (locked: IfLocked, alerts: Alerts) => `${appendSql(locked, alerts)} ${outcomeSql},
    winner.kind, winner.subscription_id, winner.started_at, winner."limit", ${windowColumnsSql('winner')}, winner.overage_enabled,
    current.window_start, counter.used, topped.top_up_granted, topped.top_up_remaining, holds.held,
    outcome.inserted and outcome.at >= winner.started_at
      and ${windowStartSql('winner', 'outcome.at')} = current.window_start as counts_in_winner,
    null as feature_id
  ${firstSql} ${winnerSql({ userKey: 'outcome.user_key', hasGrants: 'outcome.has_grants', hasTopUps: 'outcome.has_top_ups', hasHolds: 'outcome.has_holds' }, 'outcome.feature_id')}
  union all
  select null, false, false, null, false, null, null, null, null, null, null, subscription_id, null, null, null, null, null, null, false,
    window_start, used, null, null, null, false, feature_id
  from counted`;

const statementsOf = (alerts: Alerts, name: string) => ({
  wait: {
    record: { name, text: recordSql('wait', alerts) },
    recordAndStand: { name: `${name} and stand`, text: recordAndStandSql('wait', alerts) },
  },
  skip: {
    record: { name: `${name}, skip`, text: recordSql('skip', alerts) },
    recordAndStand: { name: `${name} and stand, skip`, text: recordAndStandSql('skip', alerts) },
  },
});
const statements = {
  refuse: statementsOf('refuse', 'record'),
  write: statementsOf('write', 'record and tell'),
};

/** After a webhook was found, batches run at once with the statement that writes alerts, for so long. */
const toldForMs = 10_000;
/** Until when, by environment. Only a guess: the statements decide. */
const toldUntil = new Map<string, number>();

const isProbablyTold = (usages: readonly Usage[]): boolean =>
  toldUntil.size > 0 &&
  usages.some(({ environmentId }) => (toldUntil.get(environmentId) ?? 0) > performance.now());

function expectTold(usages: readonly Usage[]): void {
  for (const { environmentId } of usages) toldUntil.set(environmentId, performance.now() + toldForMs);
}

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
  const run = async (alerts: Alerts) => {
    const { record, recordAndStand } = statements[alerts][locked];
    const statement = withStanding ? recordAndStand : record;
    const { rows } = await client.query<AppendedRow>({ ...statement, values: columns(usages) });
    return rows;
  };
  let rows = await run(isProbablyTold(usages) ? 'write' : 'refuse');
  if (rows.some((row) => row.is_told)) {
    expectTold(usages);
    rows = await run('write');
  }
  const standings = withStanding ? standingsOf(rows, usages) : [];
  const outcomes = new Map<number, AppendedRow>();
  for (const row of rows) if (row.ord !== null) outcomes.set(Number(row.ord) - 1, row);
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
