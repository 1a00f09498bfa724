import type { Pool } from 'pg';

/** What events are known by to be about a person who was deleted. */
export interface Traces {
  environmentId: string;
  /** The ids that the person had. They may be somebody else's by now. */
  ids: readonly string[];
  /** The keys that the person had. They are never anybody else's. */
  keys: readonly bigint[];
  /** When it was asked to delete the person: an event that arrived later is not about this person. */
  before: Date;
}

/* Each branch has an index of its own. An event that has touched somebody tells whom by the key. */
const byKey = 'select environment_id, message_id from segment_event where user_key = any($2::bigint[])';
const byId = `
  select environment_id, message_id from segment_event
  where environment_id = $1 and user_id = any($3::text[]) and user_key is null and received_at <= $4`;

/*
 * Whoever processes an event holds it, and then asks for its user. What is held is skipped, so that this never
 * waits, and nobody ever waits in a circle.
 */
const eraseSql = `
  with touched as (${byKey} limit $5 for update skip locked),
    named as (${byId} limit $5 for update skip locked)
  delete from segment_event e using (select * from touched union all select * from named) doomed
  where e.environment_id = doomed.environment_id and e.message_id = doomed.message_id`;

/** Erases about so many of the events that nobody is at; answers how many. */
export async function eraseSome(pool: Pool, traces: Traces, count: number): Promise<number> {
  const values = [...columns(traces), count];
  return (await pool.query({ name: 'erase events', text: eraseSql, values })).rowCount ?? 0;
}

const leftSql = `select exists (${byKey}) or exists (${byId}) as left`;

/** Whether there is an event of the person still, such as one that somebody is processing. */
export async function isAnyLeft(pool: Pool, traces: Traces): Promise<boolean> {
  const { rows } = await pool.query<{ left: boolean }>({
    name: 'find events to erase',
    text: leftSql,
    values: columns(traces),
  });
  return rows[0]?.left ?? false;
}

const columns = ({ environmentId, ids, keys, before }: Traces) => [environmentId, keys, ids, before];
