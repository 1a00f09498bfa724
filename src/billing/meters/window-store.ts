import type { ClientBase } from 'pg';
import { type Amount, amountOf, amountText } from '../../amount.ts';
import { deltaSql } from '../../database/amount-sql.ts';
import { holdingsOfSql, windowStartSql } from '../../entitlements/holdings-store.ts';
import type { MeteredWindow } from './rules.ts';
import type { UsageRow } from './store.ts';

type Client = Pick<ClientBase, 'query'>;

/*
 * For the first usage of each window: what is known of the window. Unless that is of now, also what the ledger holds
 * before that usage, see foldedSql, and what the meter was sent of it since then for another subscription, such as the one
 * from which usage was carried over.
 */
const windowsSql = `
  with wanted as (
    select * from unnest(
      $2::bigint[], $3::int[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[], $8::text[], $9::text[]
    ) with ordinality as w(
      user_key, revision, subscription_id, feature_id, window_start, first_id, event_name, customer_id, place)
  )
  select w.place, k.revision, k.since_id, k.sent_before, k.used as known_used, k.drawn as known_drawn,
    k.sent as known_sent, folded.used, folded.sent, coalesce(x.drawn, 0) as drawn_now
  from wanted w
  left join billing_meter_window k on k.environment_id = $1 and k.subscription_id = w.subscription_id
    and k.feature_id = w.feature_id and k.window_start = w.window_start
  left join lateral (
    select coalesce(sum(delta) filter (where last_set is null or id >= last_set), 0) as used,
      coalesce(sum(made), 0) as sent
    from (
      select e.id, ${deltaSql('e')} as delta, max(e.id) filter (where e.action = 'SET') over () as last_set, (
        select sum(m.value) from billing_meter_event m
        join billing_meter b on b.environment_id = m.environment_id and b.package_id = m.package_id
          and b.feature_id = m.feature_id and b.event_name = w.event_name
        where m.environment_id = $1 and m.id = e.id and m.customer_id = w.customer_id
          and (k.last_id is null or m.id > k.last_id)
      ) as made
      from ${holdingsOfSql('w.user_key', 'w.subscription_id', '= w.feature_id')} h
      join usage_event e on e.user_key = w.user_key and e.feature_id = w.feature_id and e.id < w.first_id
        and e.occurred_at >= h.started_at and (h.ended_at is null or e.occurred_at < h.ended_at)
        and ${windowStartSql('h', 'e.occurred_at')} = w.window_start
    ) counted
  ) folded on k.revision is distinct from w.revision
  left join lateral (
    select sum(amount) as drawn from usage_excess x
    where x.user_key = w.user_key and x.subscription_id = w.subscription_id and x.feature_id = w.feature_id
      and x.window_start = w.window_start and x.top_up_id is not null
  ) x on true
  order by w.place`;

interface StoredWindow {
  revision: number | null;
  since_id: string;
  sent_before: string;
  known_used: string;
  known_drawn: string;
  known_sent: string;
  used: string | null;
  sent: string | null;
  drawn_now: string;
}

/** What was saved of a window. */
export interface KnownWindow extends MeteredWindow {
  /** Of the user, when it was saved. */
  revision: number;
  /** The window was added up anew at this event of the ledger: each usage after it was looked at. */
  sinceId: bigint;
  /** What had been sent of it by then. */
  sentBefore: Amount;
}

/** What is found of a window before a usage. */
export interface FoundWindow {
  known: KnownWindow | null;
  /** By the ledger, and what was sent besides what is known; null if what is known is of now. */
  folded: Pick<MeteredWindow, 'used' | 'sent'> | null;
  drawnNow: Amount;
}

/** Reads the windows of these usages, the first one of each window, in their order. */
export async function readWindows(
  client: Client,
  environmentId: string,
  usages: readonly UsageRow[],
): Promise<FoundWindow[]> {
  if (usages.length === 0) return [];
  const { rows } = await client.query<StoredWindow>(windowsSql, [
    environmentId,
    usages.map(({ userKey }) => userKey),
    usages.map(({ revision }) => revision),
    usages.map(({ subscriptionId }) => subscriptionId),
    usages.map(({ featureId }) => featureId),
    usages.map(({ windowStart }) => windowStart),
    usages.map(({ id }) => id),
    usages.map(({ eventName }) => eventName),
    usages.map(({ customerId }) => customerId),
  ]);
  return rows.map((row) => ({
    known: knownOf(row),
    folded: row.used === null ? null : { used: amountOf(row.used), sent: amountOf(row.sent ?? '0') },
    drawnNow: amountOf(row.drawn_now),
  }));
}

function knownOf(row: StoredWindow): KnownWindow | null {
  if (row.revision === null) return null;
  return {
    ...{ revision: row.revision, sinceId: BigInt(row.since_id), sentBefore: amountOf(row.sent_before) },
    ...{ used: amountOf(row.known_used), drawn: amountOf(row.known_drawn), sent: amountOf(row.known_sent) },
  };
}

/** The same from the ledger alone, whatever is known of a window. No environment has this id. */
export const foldWindows = (client: Client, usages: readonly UsageRow[]) => readWindows(client, '', usages);

/** Saves the windows of these usages, the last one of each window. */
export async function saveWindows(
  client: Client,
  environmentId: string,
  windows: readonly (Omit<KnownWindow, 'revision'> & { last: UsageRow })[],
): Promise<void> {
  await client.query(
    `insert into billing_meter_window (environment_id, subscription_id, feature_id, window_start, revision, used, drawn,
       sent, last_id, since_id, sent_before, metered_at)
     select $1, *, now() from unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::int[], $6::numeric[],
       $7::numeric[], $8::numeric[], $9::bigint[], $10::bigint[], $11::numeric[])
     on conflict (environment_id, subscription_id, feature_id, window_start) do update set
       revision = excluded.revision, used = excluded.used, drawn = excluded.drawn, sent = excluded.sent, last_id = excluded.last_id,
       since_id = excluded.since_id, sent_before = excluded.sent_before, metered_at = excluded.metered_at`,
    [
      environmentId,
      windows.map(({ last }) => last.subscriptionId),
      windows.map(({ last }) => last.featureId),
      windows.map(({ last }) => last.windowStart),
      windows.map(({ last }) => last.revision),
      windows.map(({ used }) => amountText(used)),
      windows.map(({ drawn }) => amountText(drawn)),
      windows.map(({ sent }) => amountText(sent)),
      windows.map(({ last }) => last.id),
      windows.map(({ sinceId }) => sinceId),
      windows.map(({ sentBefore }) => amountText(sentBefore)),
    ],
  );
}
