import type { ClientBase } from 'pg';
import type { Db } from '../../database/client.ts';
import type { NewEvent } from './rules.ts';

/** How long a delivery is tried. */
const retriedFor = `interval '3 days'`;

/** Whether a webhook `w` gets events of this type now, as SQL. Seals are no business of those who want all: only by name. */
export const wantsSql = (type: string) => `(
  w.disabled_at is null and (
    ${type} = any (w.events) or split_part(${type}, '.', 1) || '.*' = any (w.events)
    or '*' = any (w.events) and ${type} <> 'seal.created'
  )
)`;

/** Everything by which a webhook may ask for one of these types, as an array. */
export const patternsSql = (types: readonly string[]) => {
  const kinds = new Set(types.map((type) => `${type.split('.')[0]}.*`));
  return `array[${['*', ...kinds, ...types].map((pattern) => `'${pattern}'`)}]`;
};

/**
 * The environments of a table expression in which a webhook wants one of these types, as an array. It is found once for
 * each environment of a statement, however much the statement does.
 */
export const listeningSql = (source: string, types: readonly string[]) => `array(
    select environment_id from (select distinct environment_id from ${source}) e
    where (
      select true from webhook w
      where w.environment_id = e.environment_id and w.disabled_at is null and w.events && ${patternsSql(types)} limit 1
    )
  )`;

/**
 * Common table expressions that write events, and a delivery for each webhook that wants one. Nothing is written where
 * no webhook asked for it. The statement decides, so a webhook that is created at the same moment gets all or nothing.
 * Webhooks are looked up for each event: a plan that joins may read those of all environments.
 *
 * @param source a table expression with the columns environment_id, type, data, and ord for the order
 */
export const eventCtes = (source: string) => `
  event as (
    insert into webhook_event (environment_id, type, data)
    select s.environment_id, s.type, s.data from ${source} s
    where (
      select true from webhook w where w.environment_id = s.environment_id and ${wantsSql('s.type')} limit 1
    )
    order by s.ord
    returning id, environment_id, type
  ), delivered as (
    insert into webhook_delivery (environment_id, webhook_id, event_id, retry_until)
    select t.environment_id, w.id, t.id, now() + ${retriedFor}
    from event t
    cross join lateral (
      select id from webhook w where w.environment_id = t.environment_id and ${wantsSql('t.type')} offset 0
    ) w
    order by t.id
    returning id
  )`;

const writeSql = `
  with source as (
    select $1::text as environment_id, type, data::jsonb as data, ord
    from unnest($2::text[], $3::text[]) with ordinality as e(type, data, ord)
  ), ${eventCtes('source')}
  select count(*)::int as count from delivered`;

const columns = (events: readonly NewEvent[]) => [
  events.map(({ type }) => type),
  events.map(({ data }) => JSON.stringify(data)),
];

/** Writes events in the transaction of their change. */
export async function writeEvents(tx: Db, environmentId: string, events: readonly NewEvent[]): Promise<void> {
  if (events.length > 0) await tx.$queryRawUnsafe(writeSql, environmentId, ...columns(events));
}

/** The same on a connection of the driver. */
export async function writeEventsOn(
  client: Pick<ClientBase, 'query'>,
  environmentId: string,
  events: readonly NewEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await client.query({
    name: 'write webhook events',
    text: writeSql,
    values: [environmentId, ...columns(events)],
  });
}

const wantedSql = `
  select exists (
    select from webhook w, unnest($2::text[]) as type where w.environment_id = $1 and ${wantsSql('type')}
  ) as wanted`;

/** Whether a webhook asked for any of these types: if not, the change need not be observed. */
export async function isWanted(tx: Db, environmentId: string, types: readonly string[]): Promise<boolean> {
  const [row] = await tx.$queryRawUnsafe<{ wanted: boolean }[]>(wantedSql, environmentId, types);
  return row?.wanted ?? false;
}
