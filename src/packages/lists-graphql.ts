import type { GraphQLResolveInfo } from 'graphql';
import type { Db } from '../database/client.ts';
import { readRows } from '../graphql/limits/answer-size.ts';
import { findByIds, nestedList } from '../graphql/nested-list.ts';

/*
 * Lists of packages, features and prices. Links are read without an order, so that the database can stop at the
 * first row beyond the limit.
 */

interface Reading {
  db: Db;
  environmentId: string;
}

/** A link from an owner to a package in its list. */
interface Link {
  ownerId: string;
  packageId: string;
}

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
 * The features of a package in order, each with the row of the feature itself.
 *
 * @param findFeatures reads the features with these ids; may return none if nothing of them is selected
 */
export function contentsOf<Feature extends { id: string }>(
  context: Reading,
  info: GraphQLResolveInfo,
  packageId: string,
  findFeatures: (where: { environmentId: string; id: { in: string[] } }) => Promise<Feature[]>,
) {
  const { db, environmentId } = context;
  return nestedList(context, info, packageId, async (packageIds) => {
    const where = { environmentId, packageId: { in: packageIds } };
    const rows = await readRows(context, info, (take) => db.packageFeature.findMany({ where, take }));
    rows.sort((a, b) => a.position - b.position);
    const featureIds = new Set(rows.map(({ featureId }) => featureId));
    const features = await findByIds(featureIds, (ids) => findFeatures({ environmentId, id: { in: ids } }));
    const known = new Map(features.map((feature) => [feature.id, feature]));
    return rows.map((row) => ({
      ownerId: row.packageId,
      item: { ...row, feature: known.get(row.featureId) },
    }));
  });
}

/** The prices of a package, oldest first. */
export function pricesOf(context: Reading, info: GraphQLResolveInfo, packageId: string) {
  const { db, environmentId } = context;
  return nestedList(context, info, packageId, async (packageIds) => {
    const where = { environmentId, packageId: { in: packageIds } };
    const rows = await readRows(context, info, (take) =>
      db.packagePrice.findMany({ where, orderBy: oldestFirst, take }),
    );
    return rows.map((row) => ({ ownerId: row.packageId, item: row }));
  });
}
