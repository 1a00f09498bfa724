import type { PoolClient } from 'pg';
import { eventCtes, wantsSql } from '../../webhooks/outbox/store.ts';

/** A track event that has just become UNMATCHED, in this transaction. */
export interface Unmatched {
  environmentId: string;
  messageId: string;
  eventName: string;
}

const type = 'segment.event_unmatched';

const wantedSql = `
  select exists (
    select from webhook w where w.environment_id = any($1::text[]) and ${wantsSql(`'${type}'`)}
  ) as wanted`;

/* In order, and last of all locks of the transaction: so they never deadlock. */
const lockSql = `
  select pg_advisory_xact_lock(hashtext('unmatched ' || environment_id), hashtext(event_name)) from (
    select distinct environment_id, event_name from unnest($1::text[], $2::text[]) as i(environment_id, event_name)
    order by environment_id, event_name offset 0
  ) name`;

const firstSql = `
  with first as (
    select i.environment_id, '${type}' as type, jsonb_build_object('eventName', i.event_name) as data, min(i.ord) as ord
    from unnest($1::text[], $2::text[]) with ordinality as i(environment_id, event_name, ord)
    where not exists (
      select from segment_event e
      where e.environment_id = i.environment_id and e.event_name = i.event_name and e.outcome = 'UNMATCHED'
        and e.message_id <> all($3::text[])
    )
    group by i.environment_id, i.event_name
  ), ${eventCtes('first')}
  select count(*)::int from delivered`;

/** Tells webhooks of events that are the only unmatched ones of their name. Of two at the same moment, one is the first. */
export async function tellUnmatched(client: PoolClient, events: readonly Unmatched[]): Promise<void> {
  const environmentIds = events.map(({ environmentId }) => environmentId);
  const { rows } = await client.query({
    name: 'unmatched wanted',
    text: wantedSql,
    values: [[...new Set(environmentIds)]],
  });
  if (!rows[0].wanted) return;
  const names = events.map(({ eventName }) => eventName);
  await client.query(lockSql, [environmentIds, names]);
  await client.query(firstSql, [environmentIds, names, events.map(({ messageId }) => messageId)]);
}
