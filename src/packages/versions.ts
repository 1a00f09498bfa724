import { audited } from '../audit/record.ts';
import { isUniqueViolation } from '../database/errors.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { packageAlreadyExists, packageNotFound, packageStatusError } from '../errors.ts';
import { changeInStatus, type Target } from './change.ts';
import { type Duplicate, editableVersion } from './rules.ts';
import {
  copyContents,
  deleteBilling,
  deleteContents,
  findAddonOf,
  hasSubscriptions,
  lockAgainstSubscribing,
  lockPackages,
} from './store.ts';

/** Makes a draft of the next version, with the contents of the current one. */
export function createPackageVersion(db: PrismaClient, target: Target): Promise<void> {
  const {
    author: { environmentId },
    id,
  } = target;
  const step = ['createPackageVersion', 'given another version'] as const;
  return changeInStatus(db, target, [...step], [], async (tx, current) => {
    if (current.draftVersion !== null)
      throw packageStatusError(
        `The package "${id}" cannot be given another version: version ${current.draftVersion} is a DRAFT already.`,
      );
    const draftVersion = current.version + 1;
    const from = { environmentId, packageId: id, version: current.version };
    await copyContents(tx, from, { packageId: id, version: draftVersion }, { withPrices: true });
    return { draftVersion };
  });
}

/**
 * Creates a DRAFT with the features, base packages and metadata of another package, without its prices: at a billing
 * provider, a price belongs to one package.
 *
 * @throws PackageNotFoundError, PackageAlreadyExistsError
 */
export async function duplicatePackage(
  db: PrismaClient,
  { author, id }: Target,
  duplicate: Duplicate,
): Promise<void> {
  const { environmentId } = author;
  try {
    await db.$transaction(async (tx) => {
      await lockPackages(tx, environmentId, [id]);
      const original = await tx.package.findUnique({ where: { environmentId_id: { environmentId, id } } });
      if (original === null) throw packageNotFound(id);
      const { isAddon, metadata, version } = original;
      const what = { action: 'duplicatePackage', type: 'PACKAGE', handles: [] } as const;
      const copy = async () => {
        const data = { environmentId, ...duplicate, isAddon, metadata: metadata ?? undefined };
        await tx.package.create({ data });
        const to = { packageId: duplicate.id, version: 1 };
        await copyContents(tx, { environmentId, packageId: id, version }, to, { withPrices: false });
      };
      await audited(tx, author, what, copy, () => [duplicate.id]);
    });
  } catch (error) {
    throw isUniqueViolation(error) ? packageAlreadyExists(duplicate.id) : error;
  }
}

/** Archives a package: no new subscribers; current ones keep it. Its draft is deleted. It cannot be undone. */
export function archivePackage(db: PrismaClient, target: Target): Promise<void> {
  const {
    author: { environmentId },
    id: packageId,
  } = target;
  return changeInStatus(db, target, ['archivePackage', 'archived'], [], async (tx, { draftVersion }) => {
    if (draftVersion !== null) await deleteContents(tx, { environmentId, packageId, version: draftVersion });
    return { status: 'ARCHIVED', draftVersion: null };
  });
}

/**
 * Makes the current version a DRAFT again, if nobody ever subscribed to it. The version before it, if any, is the
 * current one again.
 */
export function unpublishPackage(db: PrismaClient, target: Target): Promise<void> {
  const {
    author: { environmentId },
    id,
  } = target;
  return changeInStatus(db, target, ['unpublishPackage', 'unpublished'], [], async (tx, current) => {
    const { version, draftVersion } = current;
    const refuse = (problem: string) =>
      packageStatusError(`The package "${id}" cannot be unpublished: ${problem}.`);
    if (draftVersion !== null) throw refuse(`version ${draftVersion} is a DRAFT already`);
    await lockAgainstSubscribing(tx, environmentId, id);
    if (await hasSubscriptions(tx, { environmentId, packageId: id, version }))
      throw refuse(`somebody has subscribed to version ${version}`);
    return version === 1 ? { status: 'DRAFT' } : { version: version - 1, draftVersion: version };
  });
}

/** Deletes the draft of a package. A package that was never published is deleted with it. */
export async function deleteDraftPackage(db: PrismaClient, { author, id, now }: Target): Promise<void> {
  const { environmentId } = author;
  await db.$transaction(async (tx) => {
    const current = (await lockPackages(tx, environmentId, [id])).get(id);
    if (current === undefined) throw packageNotFound(id);
    const version = editableVersion(current);
    if (version === null)
      throw packageStatusError(`The package "${id}" cannot be deleted: it is ${current.status}, not DRAFT.`);
    // Waits for transactions that add a price, a template or a meter to it; later ones no longer find it.
    if (current.status === 'DRAFT') await lockAgainstSubscribing(tx, environmentId, id);
    const addonId = current.status === 'DRAFT' ? await findAddonOf(tx, environmentId, id) : null;
    if (addonId !== null)
      throw packageStatusError(
        `The package "${id}" cannot be deleted: the add-on "${addonId}" names it as its base.`,
      );
    await audited(tx, author, { action: 'deleteDraftPackage', type: 'PACKAGE', handles: [id] }, async () => {
      await deleteContents(tx, { environmentId, packageId: id, version });
      const where = { environmentId_id: { environmentId, id } };
      if (current.status === 'DRAFT') {
        await deleteBilling(tx, environmentId, id);
        await tx.package.delete({ where });
      } else await tx.package.update({ where, data: { draftVersion: null, updatedAt: now } });
    });
  });
}
