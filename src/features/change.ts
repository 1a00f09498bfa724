import { audited } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import { isForeignKeyViolation, isUniqueViolation } from '../database/errors.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { jsonValue } from '../database/json.ts';
import { featureAlreadyExists, featureInUse, featureNotFound, invalidInput } from '../errors.ts';
import {
  checkUnits,
  type FeatureChange,
  type NewFeature,
  type PresentAmounts,
  precisionProblem,
} from './rules.ts';
import { announceFeatures, findAmounts, findUse, lockFeature } from './store.ts';

/** @throws ValidationError, FeatureAlreadyExistsError if the id is taken */
export async function createFeature(
  db: PrismaClient,
  author: Author,
  { metadata, ...feature }: NewFeature,
): Promise<void> {
  checkUnits(feature.type, feature);
  const data = { ...feature, metadata: jsonValue(metadata), environmentId: author.environmentId };
  const what = { action: 'createFeature', type: 'FEATURE', handles: [] } as const;
  try {
    await db.$transaction((tx) =>
      audited(
        tx,
        author,
        what,
        async () => {
          const created = await tx.feature.create({ data });
          await announceFeatures(tx, author.environmentId);
          return created;
        },
        ({ id }) => [id],
      ),
    );
  } catch (error) {
    throw isUniqueViolation(error) ? featureAlreadyExists(feature.id) : error;
  }
}

/** Packages keep the name that the feature had when it was added. @throws ValidationError, FeatureNotFoundError */
export async function updateFeature(
  db: PrismaClient,
  author: Author,
  id: string,
  { metadata, ...change }: FeatureChange,
): Promise<void> {
  const { environmentId } = author;
  const where = { environmentId_id: { environmentId, id } };
  await db.$transaction(async (tx) => {
    const locked = await lockFeature(tx, environmentId, id);
    if (locked === null) throw featureNotFound(id);
    checkUnits(locked.type, change);
    if (change.precision !== undefined && change.precision < locked.precision)
      requirePrecision(locked.precision, change.precision, await findAmounts(tx, environmentId, id));
    await audited(tx, author, { action: 'updateFeature', type: 'FEATURE', handles: [id] }, () =>
      tx.feature.update({ where, data: { ...change, metadata: jsonValue(metadata) } }),
    );
  });
}

/** Deletes a feature that nothing uses. @throws FeatureNotFoundError, FeatureInUseError */
export async function deleteFeature(db: PrismaClient, author: Author, id: string): Promise<void> {
  const { environmentId } = author;
  try {
    await db.$transaction(async (tx) => {
      if ((await lockFeature(tx, environmentId, id)) === null) throw featureNotFound(id);
      const use = await findUse(tx, environmentId, id);
      if (use !== null) throw featureInUse(id, use);
      await audited(tx, author, { action: 'deleteFeature', type: 'FEATURE', handles: [id] }, () =>
        tx.feature.delete({ where: { environmentId_id: { environmentId, id } } }),
      );
    });
  } catch (error) {
    throw isForeignKeyViolation(error) ? featureInUse(id, 'something refers to it') : error;
  }
}

function requirePrecision(before: number, after: number, present: PresentAmounts): void {
  const problem = precisionProblem(before, after, present);
  if (problem !== null) throw invalidInput('input.precision', problem);
}
