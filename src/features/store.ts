import type { Db } from '../database/client.ts';
import { Prisma } from '../database/generated/client.ts';
import { featureNotFound } from '../errors.ts';
import { enqueue } from '../jobs/queue.ts';
import type { PresentAmounts } from './rules.ts';

/** Run after features were created: concepts process what waited for a missing feature. */
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
): Promise<{ type: 'BINARY' | 'CONSUMABLE'; precision: number } | null> {
  const [feature] = await db.$queryRaw<{ type: 'BINARY' | 'CONSUMABLE'; precision: number }[]>`
    SELECT type::text AS type, precision FROM feature
     WHERE environment_id = ${environmentId} AND id = ${id}
       FOR NO KEY UPDATE`;
  return feature ?? null;
}

/** Rows if there is usage of a feature: those that are rolled up, and the part of the ledger after them. */
const usageSql = (environmentId: string, id: string) => Prisma.sql`
  (SELECT 1 FROM feature_hour WHERE environment_id = ${environmentId} AND feature_id = ${id} LIMIT 1)
  UNION ALL (SELECT 1 FROM usage_event
    WHERE environment_id = ${environmentId} AND feature_id = ${id}
      AND id > (SELECT coalesce(min(last_id), 0) FROM usage_rollup WHERE environment_id = ${environmentId}) LIMIT 1)`;

/** Where a feature is used, as the end of a sentence; null if it is unused. The feature is locked. */
export async function findUse(db: Db, environmentId: string, id: string): Promise<string | null> {
  const [use] = await db.$queryRaw<{ use: string }[]>`
    (SELECT 'the package "' || package_id || '" contains it' AS use FROM package_feature
      WHERE environment_id = ${environmentId} AND feature_id = ${id} LIMIT 1)
    UNION ALL (SELECT 'the mapping rule "' || name || '" refers to it' FROM mapping_rule
      WHERE environment_id = ${environmentId} AND feature_id = ${id} LIMIT 1)
    UNION ALL (SELECT 'usage of it was recorded' FROM (${usageSql(environmentId, id)}) usage LIMIT 1)
    LIMIT 1`;
  return use?.use ?? null;
}

/** The feature with this id. @throws FeatureNotFoundError if there is none */
export async function requireFeature(
  db: Db,
  environmentId: string,
  id: string,
): Promise<{ type: 'BINARY' | 'CONSUMABLE'; precision: number }> {
  const where = { environmentId_id: { environmentId, id } };
  const feature = await db.feature.findUnique({ where, select: { type: true, precision: true } });
  if (feature === null) throw featureNotFound(id);
  return feature;
}

/**
 * The amounts that there are of a feature: its usage, its limits and thresholds, its top-ups, and the reservations that may
 * still be committed. A usage that is recorded at this moment may be missed: its amount stays exact.
 */
export async function findAmounts(db: Db, environmentId: string, id: string): Promise<PresentAmounts> {
  const [found] = await db.$queryRaw<[PresentAmounts]>`
    SELECT EXISTS (${usageSql(environmentId, id)}) AS "isUsed",
      coalesce((
        SELECT max(scale(trim_scale("limit"))) FROM (
          SELECT "limit" FROM package_feature WHERE environment_id = ${environmentId} AND feature_id = ${id}
          UNION ALL
          SELECT unnest(alert_at_amount) FROM package_feature
          WHERE environment_id = ${environmentId} AND feature_id = ${id}
          UNION ALL
          SELECT "limit" FROM feature_grant WHERE environment_id = ${environmentId} AND feature_id = ${id}
          UNION ALL
          SELECT unnest(amount || alert_at_amount) FROM top_up
          WHERE environment_id = ${environmentId} AND feature_id = ${id}
          UNION ALL
          SELECT amount FROM reservation
          WHERE environment_id = ${environmentId} AND feature_id = ${id} AND committed_at IS NULL
            AND released_at IS NULL
        ) limits
      ), 0) AS "digitsOfLimits"`;
  return found;
}
