import { audited } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/errors.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { jsonValue } from '../database/json.ts';
import {
  invalidInput,
  packageAlreadyExists,
  packageNotFound,
  packageStatusError,
  priceNotFound,
} from '../errors.ts';
import {
  basePackages,
  checkContent,
  checkStatus,
  type DraftChange,
  editableVersion,
  type NewPackage,
  type PackageChange,
  type Price,
  packageFeatures,
  type RequestedFeature,
  type Step,
} from './rules.ts';
import {
  findAddonOf,
  findFeatureNames,
  findFeatures,
  findTimeZones,
  type LockedPackage,
  lockPackages,
  type PackageVersion,
  replaceBases,
  replaceFeatures,
} from './store.ts';

/** The package to change, in the environment of its author, and the time. */
export interface Target {
  author: Author;
  id: string;
  now: Date;
}

/** A package and one of its versions; without a version, the current one. */
export interface VersionTarget extends Target {
  version: number | null;
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
      const contents = packageFeatures(
        features,
        await findFeatures(tx, environmentId, features),
        new Map(),
        await findTimeZones(tx, environmentId, features),
      );
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

/** Changes the draft of a package: its fields, features and base packages. The name is that of all versions. */
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
      if (isAddon !== current.isAddon) await checkKind(tx, target, current, isAddon);
      const version = { environmentId, packageId: id, version: draftOf(current) };
      if (change.features !== undefined) await saveFeatures(tx, version, change.features);
      if (bases !== undefined) await replaceBases(tx, version, bases);
      return { name: change.name, isAddon };
    },
  );
}

/** Changes the name and metadata of a package of any status, for all versions. @throws PackageNotFoundError */
export function updatePackage(
  db: PrismaClient,
  { author, id }: Target,
  { name, metadata }: PackageChange,
): Promise<void> {
  const { environmentId } = author;
  return db.$transaction(async (tx) => {
    const known = await lockPackages(tx, environmentId, [id]);
    if (!known.has(id)) throw packageNotFound(id);
    await audited(tx, author, { action: 'updatePackage', type: 'PACKAGE', handles: [id] }, () =>
      tx.package.update({
        where: { environmentId_id: { environmentId, id } },
        data: { name, metadata: jsonValue(metadata) },
      }),
    );
  });
}

/** Publishes the draft of a package. Subscribers of earlier versions keep theirs. */
export function publishPackage(db: PrismaClient, target: Target): Promise<void> {
  const {
    author: { environmentId },
    id,
  } = target;
  return changeInStatus(db, target, ['publishPackage', 'published'], [], async (tx, current) => {
    const version = draftOf(current);
    checkContent(id, await tx.packageFeature.count({ where: { environmentId, packageId: id, version } }));
    return { status: 'PUBLISHED', version, draftVersion: null };
  });
}

/** Adds a price to a version, or replaces the one with the same id. */
export function setPackagePrice(
  db: PrismaClient,
  target: VersionTarget,
  { id, ...price }: Price,
): Promise<void> {
  const {
    author: { environmentId },
    id: packageId,
  } = target;
  return changeInStatus(db, target, ['setPackagePrice', 'priced'], [], async (tx, current) => {
    const key = { environmentId, packageId, version: pricedVersion(target, current), id };
    await tx.packagePrice.upsert({
      where: { environmentId_packageId_version_id: key },
      create: { ...key, ...price },
      update: price,
    });
    return {};
  });
}

/** @throws PriceNotFoundError when the version has no such price */
export function removePackagePrice(db: PrismaClient, target: VersionTarget, priceId: string): Promise<void> {
  const {
    author: { environmentId },
    id: packageId,
  } = target;
  return changeInStatus(db, target, ['removePackagePrice', 'priced'], [], async (tx, current) => {
    const version = pricedVersion(target, current);
    const removed = await tx.packagePrice.deleteMany({
      where: { environmentId, packageId, version, id: priceId },
    });
    if (removed.count === 0) throw priceNotFound(priceId);
    return {};
  });
}

/** What a change saves in the row of the package. */
interface SavedChange {
  name?: string | undefined;
  isAddon?: boolean;
  status?: 'DRAFT' | 'PUBLISHED' | 'ARCHIVED';
  version?: number;
  draftVersion?: number | null;
}

/**
 * Runs one status-dependent change in one transaction: it locks the package and those that the change refers to,
 * checks the status, and saves what `change` returns. Of two changes that exclude each other, exactly one
 * happens, however they race.
 */
export function changeInStatus(
  db: PrismaClient,
  { author, id, now }: Target,
  [action, step]: [action: string, step: Step],
  others: readonly string[],
  change: (tx: Db, current: LockedPackage, known: ReadonlyMap<string, LockedPackage>) => Promise<SavedChange>,
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

/** The version that can be changed. The status was checked. */
function draftOf(current: LockedPackage): number {
  const version = editableVersion(current);
  if (version === null) throw new Error(`the package "${current.id}" has no draft`);
  return version;
}

/** The version whose prices change: the given one, or the current one. @throws PackageNotFoundError */
function pricedVersion({ version }: VersionTarget, current: LockedPackage): number {
  if (version === null) return current.version;
  if (version > (current.draftVersion ?? current.version))
    throw invalidInput('version', `the package "${current.id}" has no version ${version}`);
  return version;
}

/** Replaces the features of a version. Features that stay keep the name they have in it. */
async function saveFeatures(tx: Db, version: PackageVersion, requested: RequestedFeature[]): Promise<void> {
  const known = await findFeatures(tx, version.environmentId, requested);
  const names = await findFeatureNames(tx, version);
  const zones = await findTimeZones(tx, version.environmentId, requested);
  await replaceFeatures(tx, version, packageFeatures(requested, known, names, zones));
}

/**
 * A package that has been published stays a base package or an add-on. One that add-ons name as their base cannot become
 * an add-on itself.
 */
async function checkKind(
  tx: Db,
  { author, id }: Target,
  current: LockedPackage,
  isAddon: boolean,
): Promise<void> {
  const { environmentId } = author;
  if (current.status !== 'DRAFT')
    throw packageStatusError(
      `The package "${id}" stays ${current.isAddon ? 'an add-on' : 'a base package'}: it has been published.`,
    );
  const addonId = isAddon ? await findAddonOf(tx, environmentId, id) : null;
  if (addonId === null) return;
  throw invalidInput(
    'input.isAddon',
    `must stay false: the add-on "${addonId}" names the package as its base`,
  );
}
