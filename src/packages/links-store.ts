import type { Db } from '../database/client.ts';

/** A link from an owner to a package in its list. */
export interface Link {
  ownerId: string;
  packageId: string;
}

/** The rows that link, with the package whose current version they must belong to. */
const tables = {
  /** From a feature to the packages that contain it. */
  packages: { table: 'package_feature', owner: 'feature_id', package: 'package_id' },
  /** From a base package to its add-ons. */
  addons: { table: 'package_base', owner: 'base_id', package: 'addon_id' },
} as const;

/**
 * At most `take` links of these owners to packages whose current version has them.
 *
 * `is true` keeps the planner from turning the subquery into a join. It is then read once, into a hash table. A planner
 * with old statistics believes that there are few packages, and would read all of them again for each link.
 */
export function findLinks(
  { db, environmentId }: { db: Db; environmentId: string },
  list: keyof typeof tables,
  ownerIds: readonly string[],
  take: number,
): Promise<Link[]> {
  const { table, owner, package: linked } = tables[list];
  return db.$queryRawUnsafe<Link[]>(
    `select link.${owner} as "ownerId", link.${linked} as "packageId" from ${table} link
     where link.environment_id = $1 and link.${owner} = any ($2::text[])
       and ((link.${linked}, link.version) in (select id, version from package where environment_id = $1)) is true
     limit $3`,
    environmentId,
    [...ownerIds],
    take,
  );
}
