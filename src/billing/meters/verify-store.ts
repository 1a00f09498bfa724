import type { ClientBase } from 'pg';
import { type Amount, amountOf } from '../../amount.ts';
import type { UserRange } from './store.ts';

type Client = Pick<ClientBase, 'query'>;

/** How far back usage is compared with what was made of it for meters: less than sent rows are kept. */
const comparedDays = 30;

/** The ids of the ledger between which meters are compared; null without meters. */
export async function findComparedIds(
  client: Client,
  environmentId: string,
): Promise<{ after: bigint; upTo: bigint } | null> {
  const { rows } = await client.query<{ since: string | null; recent: string | null; up_to: string }>(
    `select (select min(since_id) from billing_meter where environment_id = $1) as since, c.metered_to as up_to,
       (select min(id) - 1 from usage_event where recorded_at > now() - make_interval(days => $2)) as recent
     from stripe_connection c where c.environment_id = $1`,
    [environmentId, comparedDays],
  );
  const [row] = rows;
  if (row?.since == null) return null;
  const recent = row.recent === null ? BigInt(row.up_to) : BigInt(row.recent);
  const since = BigInt(row.since);
  return { after: since > recent ? since : recent, upTo: BigInt(row.up_to) };
}

/** What was made for meters of the usage of these users, by the name that eventName gives. */
export async function readMade(
  client: Client,
  environmentId: string,
  { first, last }: UserRange,
  { after, upTo }: { after: bigint; upTo: bigint },
): Promise<Map<string, Amount>> {
  const { rows } = await client.query<{ id: string; package_id: string; value: string }>(
    `select e.id, e.package_id, e.value from billing_meter_event e
     join usage_event u on u.id = e.id and u.user_key between $4 and $5
     where e.environment_id = $1 and e.id > $2 and e.id <= $3`,
    [environmentId, after, upTo, first, last],
  );
  return new Map(rows.map((row) => [`${row.id} ${row.package_id}`, amountOf(row.value)]));
}

/** What Stripe has taken of one customer for one meter. */
export interface TakenSum {
  eventName: string;
  customerId: string;
  sum: Amount;
}

/** What a meter at Stripe is compared for: usage from then on. */
export interface ComparedMeter {
  eventName: string;
  since: Date;
}

/** The meters of an environment by their event names. Usage of their first day counts from the next minute on. */
export async function readComparedMeters(
  client: Client,
  environmentId: string,
  keptDays: number,
): Promise<ComparedMeter[]> {
  const { rows } = await client.query<{ event_name: string; since: Date }>(
    `select event_name, date_trunc('minute',
       greatest(max(created_at), now() - make_interval(days => $2)) + interval '1 minute', 'UTC') as since
     from billing_meter where environment_id = $1 group by event_name order by event_name`,
    [environmentId, keptDays],
  );
  return rows.map(({ event_name, since }) => ({ eventName: event_name, since }));
}

/** The next sums of customers, after the customer `after`. */
export async function readTakenSums(
  client: Client,
  environmentId: string,
  { eventName, since, until }: ComparedMeter & { until: Date },
  { after, take }: { after: string; take: number },
): Promise<TakenSum[]> {
  const { rows } = await client.query<{ customer_id: string; sum: string }>(
    `select e.customer_id, sum(e.value) as sum from billing_meter_event e
     join billing_meter m on m.environment_id = e.environment_id and m.package_id = e.package_id
       and m.feature_id = e.feature_id and m.since_id < e.id and m.event_name = $2
     where e.environment_id = $1 and e.state = 'SENT' and e.occurred_at >= $3 and e.occurred_at < $4
       and e.customer_id > $5
     group by e.customer_id order by e.customer_id limit $6`,
    [environmentId, eventName, since, until, after, take],
  );
  return rows.map(({ customer_id, sum }) => ({ eventName, customerId: customer_id, sum: amountOf(sum) }));
}
