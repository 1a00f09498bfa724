import type { Db } from '../database/client.ts';
import { nearHoldingsSql } from './near-limit-store.ts';
import type { Standings } from './standings/stored-store.ts';

/*
 * All counts in one statement: standings are read once, whatever is counted. $1 is the environment, $3 the percentage.
 */
const countsSql = (standings: Standings) => `
  with counted as materialized (
    select user_key, package_id, bool_or(refuses) as refuses from (${nearHoldingsSql(standings)}) near
    group by user_key, package_id
  ), counts as (
    select true as "isTotal", null as "packageId", count(*)::int as near, count(*) filter (where refuses)::int as reached
    from (select bool_or(refuses) as refuses from counted group by user_key) person
    union all
    select false, package_id, count(*)::int, count(*) filter (where refuses)::int from counted group by package_id
  )
  select * from counts order by near desc, "packageId"`;

interface Counts {
  near: number;
  reached: number;
}

/** How many users are near a limit, or blocked by one: in all, and by the package whose limit it is. */
export async function countNearLimits(
  db: Db,
  standings: Standings,
  environmentId: string,
  percent: number,
): Promise<Counts & { packages: (Counts & { packageId: string })[] }> {
  const rows = await db.$queryRawUnsafe<(Counts & { isTotal: boolean; packageId: string | null })[]>(
    countsSql(standings),
    ...[environmentId, null, percent],
  );
  const total = rows.find(({ isTotal }) => isTotal);
  return {
    near: total?.near ?? 0,
    reached: total?.reached ?? 0,
    packages: rows.flatMap(({ isTotal, packageId, near, reached }) =>
      isTotal || packageId === null ? [] : [{ packageId, near, reached }],
    ),
  };
}
