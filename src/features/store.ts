import type { Db } from '../database/client.ts';
import { featureNotFound } from '../errors.ts';
import { enqueue } from '../jobs/queue.ts';

/** Run after features were made: whoever holds something back for want of a feature takes it up. */
export const featuresJob = 'features-created';

/** Has that job run for an environment, once the transaction that makes the features is committed. */
export function announceFeatures(tx: Db, environmentId: string): Promise<void> {
  return enqueue(tx, featuresJob, { environmentId }, `${featuresJob} ${environmentId}`);
}

/**
 * Locks a feature against other changes until the transaction ends; null if there is
 * none. Changes of packages that contain it do not wait.
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

/** Where a feature is used, as the end of a sentence; null if it is unused. The feature is locked. */
export async function findUse(db: Db, environmentId: string, id: string): Promise<string | null> {
  const [use] = await db.$queryRaw<{ use: string }[]>`
    (SELECT 'the package "' || package_id || '" contains it' AS use FROM package_feature
      WHERE environment_id = ${environmentId} AND feature_id = ${id} LIMIT 1)
    UNION ALL (SELECT 'the mapping rule "' || name || '" refers to it' FROM mapping_rule
      WHERE environment_id = ${environmentId} AND feature_id = ${id} LIMIT 1)
    UNION ALL (SELECT 'usage of it was recorded' FROM feature_hour
      WHERE environment_id = ${environmentId} AND feature_id = ${id} LIMIT 1)
    UNION ALL (SELECT 'usage of it was recorded' FROM usage_event
      WHERE environment_id = ${environmentId} AND feature_id = ${id}
        AND id > (SELECT coalesce(min(last_id), 0) FROM usage_rollup WHERE environment_id = ${environmentId}) LIMIT 1)
    LIMIT 1`;
  return use?.use ?? null;
}

/** The feature with this id. @throws FeatureNotFoundError if there is none */
export async function requireFeature(
  db: Db,
  environmentId: string,
  id: string,
): Promise<{ type: 'BINARY' | 'CONSUMABLE' }> {
  const where = { environmentId_id: { environmentId, id } };
  const feature = await db.feature.findUnique({ where, select: { type: true } });
  if (feature === null) throw featureNotFound(id);
  return feature;
}
