import type { GraphQLResolveInfo } from 'graphql';
import type { Db } from '../database/client.ts';
import { readRows } from '../graphql/limits/answer-size.ts';
import { findByIds, nestedList } from '../graphql/nested-list.ts';
import type { Link } from './links-store.ts';

/*
 * Lists of packages, features and prices. Links are read without an order, so that the database can stop at the
 * first row beyond the limit.
 */

interface Reading {
  db: Db;
  environmentId: string;
}

/** A version of a package as an owner of lists. */
export interface VersionedPackage {
  id: string;
  version: number;
}

export const ownerOf = ({ id, version }: VersionedPackage): string => `${version} ${id}`;

/** The packages and versions behind these owners, by version. */
function versionsOf(ownerIds: readonly string[]): Map<number, string[]> {
  const versions = new Map<number, string[]>();
  for (const owner of ownerIds) {
    const space = owner.indexOf(' ');
    const version = Number(owner.slice(0, space));
    const ids = versions.get(version) ?? [];
    ids.push(owner.slice(space + 1));
    versions.set(version, ids);
  }
  return versions;
}

/** A filter for rows of these versions of packages. Most packages have few versions. */
const ofVersions = (ownerIds: readonly string[]) => ({
  OR: [...versionsOf(ownerIds)].map(([version, ids]) => ({ version, packageId: { in: ids } })),
});

/** The same for the add-ons of packageBase. */
export const addonsOf = (ownerIds: readonly string[]) => ({
  OR: [...versionsOf(ownerIds)].map(([version, ids]) => ({ version, addonId: { in: ids } })),
});

const oldestFirst = [{ createdAt: 'asc' as const }, { id: 'asc' as const }];

/**
 * The packages that belong to an owner, oldest first.
 *
 * @param findLinks reads at most `take` links of these owners
 */
export function linkedPackages(
  context: Reading,
  info: GraphQLResolveInfo,
  ownerId: string,
  findLinks: (ownerIds: string[], take: number) => Promise<Link[]>,
) {
  const { db, environmentId } = context;
  return nestedList(context, info, ownerId, async (ownerIds) => {
    const links = await readRows(context, info, (take) => findLinks(ownerIds, take));
    const owners = new Map<string, string[]>(links.map(({ packageId }) => [packageId, []]));
    for (const link of links) owners.get(link.packageId)?.push(link.ownerId);
    const packages = await findByIds(owners.keys(), (ids) =>
      db.package.findMany({ where: { environmentId, id: { in: ids } }, orderBy: oldestFirst }),
    );
    packages.sort((a, b) => Number(a.createdAt) - Number(b.createdAt));
    return packages.flatMap((row) =>
      (owners.get(row.id) ?? []).map((owner) => ({ ownerId: owner, item: row })),
    );
  });
}

/**
 * The features of a version of a package in order, each with the row of the feature itself.
 *
 * @param findFeatures reads the features with these ids; may return none if nothing of them is selected
 */
export function contentsOf<Feature extends { id: string }>(
  context: Reading,
  info: GraphQLResolveInfo,
  owner: VersionedPackage,
  findFeatures: (where: { environmentId: string; id: { in: string[] } }) => Promise<Feature[]>,
) {
  const { db, environmentId } = context;
  return nestedList(context, info, ownerOf(owner), async (ownerIds) => {
    const where = { environmentId, ...ofVersions(ownerIds) };
    const rows = await readRows(context, info, (take) => db.packageFeature.findMany({ where, take }));
    rows.sort((a, b) => a.position - b.position);
    const featureIds = new Set(rows.map(({ featureId }) => featureId));
    const features = await findByIds(featureIds, (ids) => findFeatures({ environmentId, id: { in: ids } }));
    const known = new Map(features.map((feature) => [feature.id, feature]));
    return rows.map((row) => ({
      ownerId: ownerOf({ id: row.packageId, version: row.version }),
      item: { ...row, feature: known.get(row.featureId) },
    }));
  });
}

/** The prices of a version of a package, oldest first. */
export function pricesOf(context: Reading, info: GraphQLResolveInfo, owner: VersionedPackage) {
  const { db, environmentId } = context;
  return nestedList(context, info, ownerOf(owner), async (ownerIds) => {
    const where = { environmentId, ...ofVersions(ownerIds) };
    const rows = await readRows(context, info, (take) =>
      db.packagePrice.findMany({ where, orderBy: oldestFirst, take }),
    );
    return rows.map((row) => ({ ownerId: ownerOf({ id: row.packageId, version: row.version }), item: row }));
  });
}
