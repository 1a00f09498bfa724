import { audited, note } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { DomainError } from '../errors.ts';
import { deleteFeature } from '../features/change.ts';
import { lockAgainstSubscribing, lockPackages } from '../packages/store.ts';
import type { DeletePerson } from '../users/merge/merge.ts';
import { demoFeatures, demoPackages, demoUser } from './rules.ts';
import { deletePackage, findDemo, findPackageUse, isMerged } from './store.ts';

/** What was removed, by ids, and what was kept because it is in use. */
export interface RemovedDemo {
  userIds: string[];
  packageIds: string[];
  featureIds: string[];
  kept: { id: string; reason: string }[];
}

/**
 * Removes the demo data that the first start made: the user, then the packages and features that nothing else uses. What
 * somebody made under the same id stays. A second call removes what the first one could not.
 */
export async function removeDemoData(
  prisma: PrismaClient,
  author: Author,
  deletePerson: DeletePerson,
): Promise<RemovedDemo> {
  const { environmentId } = author;
  const removed: RemovedDemo = { userIds: [], packageIds: [], featureIds: [], kept: [] };
  await removeUser(prisma, author, deletePerson, removed);
  await removePackages(prisma, author, removed);
  const features = await findDemo(
    prisma,
    environmentId,
    'FEATURE',
    demoFeatures.map(({ id }) => id),
  );
  for (const id of features) {
    try {
      await deleteFeature(prisma, author, id);
      removed.featureIds.push(id);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      removed.kept.push({ id, reason: error.message });
    }
  }
  const { userIds, packageIds, featureIds } = removed;
  if (userIds.length + packageIds.length + featureIds.length > 0)
    await note(
      prisma,
      author,
      { action: 'removeDemoData', type: 'ENVIRONMENT', id: environmentId },
      { userIds, packageIds, featureIds },
    );
  return removed;
}

async function removeUser(
  prisma: PrismaClient,
  author: Author,
  deletePerson: DeletePerson,
  { userIds, kept }: RemovedDemo,
): Promise<void> {
  const { id } = demoUser;
  if (!(await findDemo(prisma, author.environmentId, 'USER', [id])).includes(id)) return;
  if (await isMerged(prisma, author.environmentId, id)) {
    kept.push({ id, reason: `The user "${id}" was merged with others.` });
    return;
  }
  await deletePerson(author, id, new Date());
  userIds.push(id);
}

function removePackages(
  prisma: PrismaClient,
  author: Author,
  { packageIds, kept }: RemovedDemo,
): Promise<void> {
  const { environmentId } = author;
  return prisma.$transaction(async (tx) => {
    const ids = await findDemo(
      tx,
      environmentId,
      'PACKAGE',
      demoPackages.map(({ id }) => id),
    );
    await lockPackages(tx, environmentId, ids);
    for (const id of ids.toSorted()) await lockAgainstSubscribing(tx, environmentId, id);
    for (const id of ids) {
      const use = await findPackageUse(tx, environmentId, id);
      if (use !== null) kept.push({ id, reason: `The package "${id}" cannot be deleted: ${use}.` });
      else packageIds.push(id);
    }
    await audited(
      tx,
      author,
      { action: 'removeDemoData', type: 'PACKAGE', handles: packageIds },
      async () => {
        for (const id of packageIds) await deletePackage(tx, environmentId, id);
      },
    );
  });
}
