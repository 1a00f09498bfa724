import { type Amount, amountOf } from '../../amount.ts';
import { deltaSql } from '../../database/amount-sql.ts';
import type { Db } from '../../database/client.ts';

/** Whose events are listed: those of one user, and perhaps of one feature only. */
interface Ledger {
  userKey: bigint;
  featureId: string | null;
}

/** A row of the ledger. */
export interface UsageEvent {
  userKey: bigint;
  id: bigint;
  featureId: string;
  action: 'ADD' | 'SET';
  delta: Amount;
  occurredAt: Date;
  recordedAt: Date;
  source: 'API' | 'SEGMENT';
  note: string | null;
  idempotencyKey: string | null;
}

interface EventRow extends Omit<UsageEvent, 'delta'> {
  delta: string;
}

/* Sums of usage that was dropped are no events. */
const isEventSql = 'e.id >= (select usage_summed_to())';

/** The id of an event of this ledger, if it has one with this id. */
export async function findEvent(db: Db, { userKey, featureId }: Ledger, id: bigint): Promise<bigint | null> {
  const [event] = await db.$queryRawUnsafe<{ id: bigint }[]>(
    `select e.id from usage_event e
     where e.user_key = $1 and ($2::text is null or e.feature_id = $2) and e.id = $3 and ${isEventSql}`,
    userKey,
    featureId,
    id,
  );
  return event?.id ?? null;
}

interface EventPage {
  take: number;
  last: bigint | null;
  newestFirst: boolean;
  /** Only what occurred then or later. */
  from?: Date | null;
  /** Only what occurred then or earlier. */
  until?: Date | null;
}

const columnsSql = `e.user_key as "userKey", e.id, e.feature_id as "featureId", e.action::text as action,
  ${deltaSql('e')}::text as delta, e.occurred_at as "occurredAt", e.recorded_at as "recordedAt", e.source::text as source,
  e.note, e.idempotency_key as "idempotencyKey"`;

const eventOf = (row: EventRow): UsageEvent => ({ ...row, delta: amountOf(row.delta) });

/** At most `take` events after the one with the id `last`, in the order in which they count, or the other way round. */
export async function readEvents(
  db: Db,
  { userKey, featureId }: Ledger,
  { take, last, newestFirst, from = null, until = null }: EventPage,
): Promise<UsageEvent[]> {
  const rows = await db.$queryRawUnsafe<EventRow[]>(
    `select ${columnsSql} from usage_event e
     where e.user_key = $1 and ($2::text is null or e.feature_id = $2) and ${isEventSql}
       and ($3::bigint is null or e.id ${newestFirst ? '<' : '>'} $3)
       and ($5::timestamptz is null or e.occurred_at >= $5) and ($6::timestamptz is null or e.occurred_at <= $6)
     order by e.id ${newestFirst ? 'desc' : 'asc'} limit $4`,
    userKey,
    featureId,
    last,
    take,
    from,
    until,
  );
  return rows.map(eventOf);
}

/** The events with these ids. */
export async function readEventsByIds(
  db: Db,
  ids: readonly { userKey: bigint; id: bigint }[],
): Promise<UsageEvent[]> {
  const rows = await db.$queryRawUnsafe<EventRow[]>(
    `select ${columnsSql} from unnest($1::bigint[], $2::bigint[]) as i(user_key, id)
     join usage_event e on e.user_key = i.user_key and e.id = i.id and ${isEventSql}`,
    ids.map(({ userKey }) => userKey),
    ids.map(({ id }) => id),
  );
  return rows.map(eventOf);
}
