import type { Db } from '../database/client.ts';
import { featureNotFound } from '../errors.ts';

/**
 * Locks a feature against every other change until the transaction ends, and answers it, null when there is
 * none. Packages that name it do not wait.
 */
export async function lockFeature(
  db: Db,
  environmentId: string,
  id: string,
): Promise<{ type: 'BINARY' | 'CONSUMABLE' } | null> {
  const [feature] = await db.$queryRaw<{ type: 'BINARY' | 'CONSUMABLE' }[]>`
    SELECT type::text AS type FROM feature
     WHERE environment_id = ${environmentId} AND id = ${id}
       FOR NO KEY UPDATE`;
  return feature ?? null;
}

/** @throws FeatureNotFoundError when there is no feature with this id */
export async function requireFeature(db: Db, environmentId: string, id: string): Promise<void> {
  if ((await db.feature.count({ where: { environmentId, id } })) === 0) throw featureNotFound(id);
}
