import { randomBytes } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import type { Db } from '../../database/client.ts';
import type { EventKey } from '../events/store.ts';

/** By what events of a deleted person are found. */
export interface Traces {
  environmentId: string;
  /** The person's ids. Others may use them by now. */
  ids: readonly string[];
  /** The person's keys. They are never used again. */
  keys: readonly bigint[];
  /** When the deletion was requested: later events are not about this person. */
  before: Date;
}

/* Each branch has its own index. Events that concern a known user have the user's key. */
const byKey = 'select environment_id, message_id from segment_event where user_key = any($2::bigint[])';
const byId = `
  select environment_id, message_id from segment_event
  where environment_id = $1 and user_id = any($3::text[]) and user_key is null and received_at <= $4`;

/* Processing locks an event, then its user. This skips locked events: it never waits, so it cannot deadlock. */
const eraseSql = `
  with touched as (${byKey} limit $5 for update skip locked),
    named as (${byId} limit $5 for update skip locked)
  delete from segment_event e using (select * from touched union all select * from named) doomed
  where e.environment_id = doomed.environment_id and e.message_id = doomed.message_id`;

/** Erases up to about `count` events that are not locked. @returns how many */
export async function eraseSome(pool: Pool, traces: Traces, count: number): Promise<number> {
  const values = [...columns(traces), count];
  return (await pool.query({ name: 'erase events', text: eraseSql, values })).rowCount ?? 0;
}

const leftSql = `select exists (${byKey}) or exists (${byId}) as left`;

/** Whether events of the person remain, such as one that is being processed. */
export async function isAnyLeft(pool: Pool, traces: Traces): Promise<boolean> {
  const { rows } = await pool.query<{ left: boolean }>({
    name: 'find events to erase',
    text: leftSql,
    values: columns(traces),
  });
  return rows[0]?.left ?? false;
}

const columns = ({ environmentId, ids, keys, before }: Traces) => [environmentId, keys, ids, before];

/**
 * Stores hashes of the deleted ids: an older event that is sent again must not create the person again. Each
 * environment has its own salt, so hashes of two databases cannot be compared. With the salt, a guess can be tested.
 */
export async function rememberDeleted(tx: Db, environmentId: string, ids: readonly string[]): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO deleted_user_salt (environment_id, salt) VALUES (${environmentId}, ${randomBytes(32)})
    ON CONFLICT DO NOTHING`;
  // The next millisecond: everything until now is older.
  await tx.$executeRaw`
    INSERT INTO deleted_user (environment_id, id_hash, deleted_at)
    SELECT environment_id, sha256(salt || convert_to(id, 'UTF8')),
      date_trunc('milliseconds', clock_timestamp()) + interval '1 millisecond'
    FROM deleted_user_salt, unnest(${[...ids]}::text[]) AS id WHERE environment_id = ${environmentId}
    ORDER BY 2
    ON CONFLICT (environment_id, id_hash) DO UPDATE SET deleted_at = excluded.deleted_at`;
}

/** Whether the user of an event was deleted after it happened; `event` names a row with these columns. */
export const wasDeletedSql = (event: string) => `(
  select true from deleted_user_salt s join lateral (
    select from deleted_user d
    where d.environment_id = ${event}.environment_id
      and d.id_hash = sha256(s.salt || convert_to(${event}.user_id, 'UTF8'))
      and d.deleted_at > ${event}.occurred_at limit 1
  ) known on true
  where s.environment_id = ${event}.environment_id limit 1
) is not null`;

const dropSql = `
  delete from segment_event e using unnest($1::text[], $2::text[]) as k(environment_id, message_id)
  where e.environment_id = k.environment_id and e.message_id = k.message_id and ${wasDeletedSql('e')}
  returning e.environment_id as "environmentId", e.message_id as "messageId"`;

/** Deletes those of these locked events that are older than the deletion of their user. @returns them */
export async function dropDeleted(client: PoolClient, events: readonly EventKey[]): Promise<EventKey[]> {
  const { rows } = await client.query<EventKey>({
    name: 'drop events of deleted users',
    text: dropSql,
    values: [events.map(({ environmentId }) => environmentId), events.map(({ messageId }) => messageId)],
  });
  return rows;
}

/** The same for one event, in a transaction of Prisma. */
export async function dropDeletedIn(tx: Db, { environmentId, messageId }: EventKey): Promise<boolean> {
  const rows = await tx.$queryRawUnsafe<EventKey[]>(dropSql, [environmentId], [messageId]);
  return rows.length > 0;
}
