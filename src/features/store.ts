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
