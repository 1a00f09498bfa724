import { audited } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/errors.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { jsonValue } from '../database/json.ts';
import { invalidInput, packageAlreadyExists, packageNotFound, priceNotFound } from '../errors.ts';
import {
  basePackages,
  checkContent,
  checkStatus,
  type DraftChange,
  type MetadataChange,
  type NewPackage,
  type Price,
  packageFeatures,
  type RequestedFeature,
  type Step,
} from './rules.ts';
import {
  findAddonOf,
  findFeatureNames,
  findFeatures,
  type LockedPackage,
  lockPackages,
  replaceBases,
  replaceFeatures,
} from './store.ts';

/** The package to change, in the environment of its author, and the time. */
export interface Target {
  author: Author;
  id: string;
  now: Date;
}

/** Creates a DRAFT, all or nothing. @throws PackageAlreadyExistsError if the id is taken */
export async function createPackage(
  db: PrismaClient,
  author: Author,
  { features, basePackages: requestedBases, metadata, ...fields }: NewPackage,
): Promise<void> {
  const { environmentId } = author;
  try {
    await db.$transaction(async (tx) => {
      const known = await lockPackages(tx, environmentId, requestedBases);
      const bases = basePackages(fields, requestedBases, known) ?? [];
      const contents = packageFeatures(features, await findFeatures(tx, environmentId, features), new Map());
      const data = {
        ...fields,
        metadata: jsonValue(metadata),
        environmentId,
        features: { createMany: { data: contents } },
        bases: { createMany: { data: bases.map((baseId) => ({ baseId })) } },
      };
      await audited(
        tx,
        author,
        { action: 'createPackage', type: 'PACKAGE', handles: [] },
        () => tx.package.create({ data }),
        ({ id }) => [id],
      );
    });
  } catch (error) {
    throw isUniqueViolation(error) ? packageAlreadyExists(fields.id) : error;
  }
}

/** Changes a DRAFT: its fields, features and base packages. */
export function updateDraftPackage(db: PrismaClient, target: Target, change: DraftChange): Promise<void> {
  const {
    author: { environmentId },
    id,
  } = target;
  return changeInStatus(
    db,
    target,
    ['updateDraftPackage', 'changed'],
    change.basePackages ?? [],
    async (tx, current, known) => {
      const isAddon = change.isAddon ?? current.isAddon;
      const bases = basePackages({ id, isAddon }, change.basePackages, known);
      if (isAddon && !current.isAddon) await checkUnused(tx, target);
      if (change.features !== undefined) await saveFeatures(tx, target, change.features);
      if (bases !== undefined) await replaceBases(tx, environmentId, id, bases);
      return { name: change.name, isAddon };
    },
  );
}

/** Replaces the metadata of a package of any status. @throws PackageNotFoundError */
export function updatePackage(
  db: PrismaClient,
  { author, id }: Target,
  { metadata }: MetadataChange,
): Promise<void> {
  const { environmentId } = author;
  return db.$transaction(async (tx) => {
    const known = await lockPackages(tx, environmentId, [id]);
    if (!known.has(id)) throw packageNotFound(id);
    await audited(tx, author, { action: 'updatePackage', type: 'PACKAGE', handles: [id] }, () =>
      tx.package.update({
        where: { environmentId_id: { environmentId, id } },
        data: { metadata: jsonValue(metadata) },
      }),
    );
  });
}

/** Publishes a DRAFT. It cannot be undone. */
export function publishPackage(db: PrismaClient, target: Target): Promise<void> {
  const {
    author: { environmentId },
    id,
  } = target;
  return changeInStatus(db, target, ['publishPackage', 'published'], [], async (tx) => {
    checkContent(id, await tx.packageFeature.count({ where: { environmentId, packageId: id } }));
    return { status: 'PUBLISHED' };
  });
}

/** Archives a package: no new subscribers; current ones keep it. It cannot be undone. */
export function archivePackage(db: PrismaClient, target: Target): Promise<void> {
  return changeInStatus(db, target, ['archivePackage', 'archived'], [], async () => ({ status: 'ARCHIVED' }));
}

/** Adds a price, or replaces the one with the same id. */
export function setPackagePrice(db: PrismaClient, target: Target, { id, ...price }: Price): Promise<void> {
  const {
    author: { environmentId },
    id: packageId,
  } = target;
  return changeInStatus(db, target, ['setPackagePrice', 'priced'], [], async (tx) => {
    const key = { environmentId, packageId, id };
    await tx.packagePrice.upsert({
      where: { environmentId_packageId_id: key },
      create: { ...key, ...price },
      update: price,
    });
    return {};
  });
}

/** @throws PriceNotFoundError when the package has no such price */
export function removePackagePrice(db: PrismaClient, target: Target, priceId: string): Promise<void> {
  const {
    author: { environmentId },
    id: packageId,
  } = target;
  return changeInStatus(db, target, ['removePackagePrice', 'priced'], [], async (tx) => {
    const removed = await tx.packagePrice.deleteMany({ where: { environmentId, packageId, id: priceId } });
    if (removed.count === 0) throw priceNotFound(priceId);
    return {};
  });
}

/**
 * Runs one status-dependent change in one transaction: it locks the package and those that the change refers to,
 * checks the status, and saves what `change` returns. Of two changes that exclude each other, exactly one
 * happens, however they race.
 */
function changeInStatus(
  db: PrismaClient,
  { author, id, now }: Target,
  [action, step]: [action: string, step: Step],
  others: readonly string[],
  change: (
    tx: Db,
    current: LockedPackage,
    known: ReadonlyMap<string, LockedPackage>,
  ) => Promise<{ name?: string; isAddon?: boolean; status?: 'PUBLISHED' | 'ARCHIVED' }>,
): Promise<void> {
  const { environmentId } = author;
  return db.$transaction(async (tx) => {
    const known = await lockPackages(tx, environmentId, [id, ...others]);
    const current = known.get(id);
    if (current === undefined) throw packageNotFound(id);
    checkStatus(step, current);
    await audited(tx, author, { action, type: 'PACKAGE', handles: [id] }, async () => {
      const data = await change(tx, current, known);
      await tx.package.update({
        where: { environmentId_id: { environmentId, id } },
        data: { ...data, updatedAt: now },
      });
    });
  });
}

/** Replaces the features of a package. Features that stay keep the name they have in it. */
async function saveFeatures(
  tx: Db,
  { author: { environmentId }, id }: Target,
  requested: RequestedFeature[],
): Promise<void> {
  const known = await findFeatures(tx, environmentId, requested);
  const names = await findFeatureNames(tx, environmentId, id);
  await replaceFeatures(tx, environmentId, id, packageFeatures(requested, known, names));
}

/** A package that add-ons name as their base cannot become an add-on itself. */
async function checkUnused(tx: Db, { author: { environmentId }, id }: Target): Promise<void> {
  const addonId = await findAddonOf(tx, environmentId, id);
  if (addonId === null) return;
  throw invalidInput(
    'input.isAddon',
    `must stay false: the add-on "${addonId}" names the package as its base`,
  );
}
