import type { Db } from '../database/client.ts';
import { nearHoldingsSql } from './near-limit-store.ts';
import type { Standings } from './standings/stored-store.ts';

/*
 * All counts in one statement: standings are read once, whatever is counted. $1 is the environment, $3 the percentage.
 */
const countsSql = (standings: Standings) => `
  select grouping(package_id) = 1 as "isTotal", package_id as "packageId", count(distinct user_key)::int as near,
    count(distinct user_key) filter (where refuses)::int as reached
  from (${nearHoldingsSql(standings)}) near
  group by grouping sets ((), (package_id))
  order by count(distinct user_key) desc, package_id`;

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
