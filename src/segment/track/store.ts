import type { PoolClient } from 'pg';
import type { MappingRule } from '../mapping/rules.ts';

/** What track events are decided by. */
export interface Catalogue {
  /** All rules of each environment, the oldest first. */
  rules: ReadonlyMap<string, MappingRule[]>;
  /** Those of the features asked for that are CONSUMABLE, by environment. */
  consumableIds: ReadonlyMap<string, ReadonlySet<string>>;
}

const rulesSql = `
  select environment_id, id, feature_id as "featureId", event_name as "eventName", conditions,
    delta_path as "deltaPath"
  from mapping_rule where environment_id = any($1::text[]) order by created_at, id`;

const consumableSql = `
  select distinct i.environment_id, i.id
  from unnest($1::text[], $2::text[]) as i(environment_id, id)
  cross join lateral (
    select from feature f
    where f.environment_id = i.environment_id and f.id = i.id and f.type = 'CONSUMABLE' limit 1
  ) known`;

/** @param named the features that events name themselves; there may be none of them */
export async function readCatalogue(
  client: PoolClient,
  environmentIds: readonly string[],
  named: readonly { environmentId: string; featureId: string }[],
): Promise<Catalogue> {
  const rules = await client.query<MappingRule & { environment_id: string }>(rulesSql, [environmentIds]);
  const consumable = await client.query<{ environment_id: string; id: string }>(consumableSql, [
    named.map(({ environmentId }) => environmentId),
    named.map(({ featureId }) => featureId),
  ]);
  const of = <Row extends { environment_id: string }>(rows: Row[], environmentId: string) =>
    rows.filter((row) => row.environment_id === environmentId);
  return {
    rules: new Map(environmentIds.map((id) => [id, of(rules.rows, id)])),
    consumableIds: new Map(
      environmentIds.map((id) => [id, new Set(of(consumable.rows, id).map((feature) => feature.id))]),
    ),
  };
}

const usersSql = `
  select u.key
  from unnest($1::text[], $2::text[]) with ordinality as i(environment_id, id, ord)
  left join lateral (
    select coalesce(merged_into, key) as key from "user"
    where environment_id = i.environment_id and id = i.id limit 1
  ) u on true
  order by i.ord`;

/** The keys of the users that these ids lead to, in their order; null where an id leads to none. */
export async function findUserKeys(
  client: PoolClient,
  users: readonly { environmentId: string; userId: string }[],
): Promise<(bigint | null)[]> {
  const { rows } = await client.query<{ key: string | null }>(usersSql, [
    users.map(({ environmentId }) => environmentId),
    users.map(({ userId }) => userId),
  ]);
  return rows.map(({ key }) => (key === null ? null : BigInt(key)));
}
