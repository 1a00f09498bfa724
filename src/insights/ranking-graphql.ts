import { queryFromInfo } from '@pothos/plugin-prisma';
import { type Amount, oneUnit } from '../amount.ts';
import { Entitlement } from '../entitlements/graphql.ts';
import { entitlementOf } from '../entitlements/rules.ts';
import { Feature } from '../features/graphql.ts';
import { requireFeature } from '../features/store.ts';
import { builder } from '../graphql/builder.ts';
import type { Context } from '../graphql/context.ts';
import { listAfter, listArgs } from '../graphql/list.ts';
import { Id, parse } from '../input.ts';
import { Package } from '../packages/graphql.ts';
import { User } from '../users/graphql.ts';
import { findUserKey } from '../users/store.ts';
import { findNearLimit, findNearLimits, type NearLimit } from './near-limit-store.ts';
import { Percent, RankingCount, readHours } from './span-rules.ts';
import { asOfWords } from './standings/graphql.ts';
import { readStandings } from './standings/stored-store.ts';
import { findTopUsers, findUsageByPackage, type PackageUse } from './usage-store.ts';

type UserRow = typeof User.$inferType;

/** A user with what was found out. */
type WithUser<Row> = Row & { user: UserRow };

const TopUser = builder.objectRef<WithUser<{ used: Amount }>>('TopUser').implement({
  description: 'How much of a feature a user used.',
  fields: (t) => ({
    user: t.expose('user', { type: User, description: 'The user.' }),
    used: t.expose('used', { type: 'Amount', description: 'The usage in the whole time.' }),
  }),
});

type PackageUsageRow = PackageUse & { package: typeof Package.$inferType | null };

const PackageUsage = builder.objectRef<PackageUsageRow>('PackageUsage').implement({
  description: 'Usage of a feature by the users of one package.',
  fields: (t) => ({
    package: t.expose('package', {
      type: Package,
      nullable: true,
      description: 'The package. Null: usage of users who held no package with the feature.',
    }),
    used: t.expose('used', { type: 'Amount', description: 'The usage in the whole time.' }),
    userCount: t.exposeInt('users', { description: 'The number of users who used it.' }),
  }),
});

type UserNearLimitRow = WithUser<NearLimit & { featureId: string; asOf: Date }>;

const UserNearLimit = builder.objectRef<UserNearLimitRow>('UserNearLimit').implement({
  description: 'A user who has used much of a limit in the current window.',
  fields: (t) => ({
    user: t.expose('user', { type: User, description: 'The user.' }),
    used: t.expose('used', { type: 'Amount', description: 'The usage in the current window.' }),
    budget: t.expose('limit', {
      type: 'Amount',
      description: 'The limit of the holding that counts, without top-ups.',
    }),
    usedPercent: t.int({
      nullable: true,
      description: 'The usage in percent of the limit, rounded down. Null if the limit is 0.',
      resolve: ({ used, limit }) => percentOf(used, limit),
    }),
    asOf: t.expose('asOf', { type: 'DateTime', description: asOfWords }),
    entitlement: t.field({
      type: Entitlement,
      description: 'Whether the user may use one more now, with top-ups and reservations.',
      resolve: async ({ user, featureId }, _args, { environmentId, findStanding }) =>
        entitlementOf(await findStanding({ environmentId, userId: user.id, featureId }), oneUnit),
    }),
  }),
});

interface FeatureNearLimitRow {
  feature: typeof Feature.$inferType;
  users: UserNearLimitRow[];
}

const FeatureNearLimit = builder.objectRef<FeatureNearLimitRow>('FeatureNearLimit').implement({
  description: 'A feature with users near their limit of it.',
  fields: (t) => ({
    feature: t.expose('feature', { type: Feature, description: 'The feature.' }),
    users: t.expose('users', {
      type: [UserNearLimit],
      description: 'The users, those who used the highest part of their limit first.',
    }),
  }),
});

/** Of how many features `featuresNearLimit` tells. */
const maxFeatures = 100;

/** GraphQL's Int ends at 2^31. */
const maxPercent = 2n ** 31n - 1n;

export function percentOf(used: Amount, limit: Amount): number | null {
  if (limit === 0n) return null;
  const percent = (used * 100n) / limit;
  return Number(percent > maxPercent ? maxPercent : percent);
}

/**
 * Adds the users, read by the client's selection. Users who were deleted or merged meanwhile are left out.
 *
 * @param query the selection; see queryFromInfo
 */
export async function withUsers<Row extends { userKey: bigint }>(
  rows: readonly Row[],
  query: object,
  { db, environmentId }: Context,
): Promise<WithUser<Row>[]> {
  const where = { environmentId, key: { in: rows.map(({ userKey }) => userKey) } };
  const found = rows.length === 0 ? [] : await db.user.findMany({ ...query, where });
  const users = new Map(found.map((user) => [user.key, user]));
  return rows.flatMap((row) => {
    const user = users.get(row.userKey);
    return user === undefined ? [] : [{ ...row, user }];
  });
}

const hoursArgs = builder.args((t) => ({
  from: t.field({
    type: 'DateTime',
    description: 'The first hour contains this time. Default: 30 days before the end.',
  }),
  to: t.field({
    type: 'DateTime',
    description: 'The end, exclusive: the last hour contains the moment before. Default: now.',
  }),
}));

/** The hours and the feature that are asked about. @throws ValidationError, FeatureNotFoundError */
async function readSubject(
  { featureId: id, from = null, to = null }: { featureId: string; from?: Date | null; to?: Date | null },
  { db, environmentId, readClock }: Context,
) {
  const featureId = parse(Id, id, 'featureId');
  const hours = readHours({ from, to }, to ?? (await readClock()));
  await requireFeature(db, environmentId, featureId);
  return { feature: { environmentId, featureId }, hours };
}

builder.queryFields((t) => ({
  topUsers: t.field({
    type: [TopUser],
    description:
      'The users who used most of a feature, most first, in whole hours. `FeatureNotFoundError` if the id is unknown.',
    args: {
      featureId: t.arg.string({ required: true, description: 'The id of the feature.' }),
      ...hoursArgs,
      first: t.arg.int({ defaultValue: 10, description: 'The maximum number of users, 1 to 100.' }),
    },
    resolve: async (_root, args, context, info) => {
      const count = parse(RankingCount, args.first ?? 10, 'first');
      const { feature, hours } = await readSubject(args, context);
      const rows = await context.readLong(() => findTopUsers(context.db, feature, hours, count));
      return withUsers(rows, queryFromInfo({ context, info, path: ['user'] }), context);
    },
  }),
  usageByPackage: t.field({
    type: [PackageUsage],
    description:
      'Usage of a feature by package, most first, in whole hours. Usage counts for the packages with the feature that the user held in that hour: for each, if there were several. `FeatureNotFoundError` if the id is unknown.',
    args: {
      featureId: t.arg.string({ required: true, description: 'The id of the feature.' }),
      ...hoursArgs,
    },
    resolve: async (_root, args, context, info): Promise<PackageUsageRow[]> => {
      const { db, environmentId, readLong } = context;
      const { feature, hours } = await readSubject(args, context);
      const rows = await readLong(() => findUsageByPackage(db, feature, hours));
      const ids = rows.flatMap(({ packageId }) => packageId ?? []);
      const found = await db.package.findMany({
        ...queryFromInfo({ context, info, path: ['package'] }),
        where: { environmentId, id: { in: ids } },
      });
      const packages = new Map(found.map((each) => [each.id, each]));
      return rows.map((row) => ({ ...row, package: packages.get(row.packageId ?? '') ?? null }));
    },
  }),
  featuresNearLimit: t.field({
    type: [FeatureNearLimit],
    description:
      'The features with users who have used at least this part of their limit in the current window, oldest first: of the 100 oldest features that have a limit, those with such users. `usersNearLimit` lists all users of one feature.',
    args: {
      percent: t.arg.int({
        defaultValue: 80,
        description: 'The part of the limit in percent, 1 to 1000; 100 is the limit itself.',
      }),
      first: t.arg.int({
        defaultValue: 5,
        description: 'The maximum number of users of each feature, 1 to 100.',
      }),
    },
    resolve: async (_root, args, context, info): Promise<FeatureNearLimitRow[]> => {
      const { db, environmentId, readLong } = context;
      const percent = parse(Percent, args.percent ?? 80, 'percent');
      const take = parse(RankingCount, args.first ?? 5, 'first');
      const question = { environmentId, percent };
      const standings = await readStandings(db, environmentId);
      const rows = await readLong(() =>
        findNearLimits(db, standings, question, { features: maxFeatures, take }),
      );
      const found = rows.map((row) => ({ ...row, asOf: standings.asOf }));
      const users = await withUsers(
        found,
        queryFromInfo({ context, info, path: ['users', 'user'] }),
        context,
      );
      const features = await db.feature.findMany({
        ...queryFromInfo({ context, info, path: ['feature'] }),
        where: { environmentId, id: { in: [...new Set(rows.map(({ featureId }) => featureId))] } },
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
      });
      return features
        .map((feature) => ({ feature, users: users.filter(({ featureId }) => featureId === feature.id) }))
        .filter((each) => each.users.length > 0);
    },
  }),
  usersNearLimit: t.field({
    type: [UserNearLimit],
    description:
      'Users who have used at least this part of their limit of a feature in the current window, the highest part first. Users without a limit, and those who used nothing, are left out. `FeatureNotFoundError` if the id is unknown.',
    args: {
      featureId: t.arg.string({ required: true, description: 'The id of the feature.' }),
      percent: t.arg.int({
        defaultValue: 80,
        description: 'The part of the limit in percent, 1 to 1000; 100 is the limit itself.',
      }),
      ...listArgs,
      after: t.arg.string({
        description:
          'Returns the users after the user with this id, by what the user has used now. An error if the user has no limit.',
      }),
    },
    resolve: async (_root, { first, after, ...args }, context, info) => {
      const { db, environmentId, findStanding, readLong } = context;
      const percent = parse(Percent, args.percent ?? 80, 'percent');
      const featureId = parse(Id, args.featureId, 'featureId');
      await requireFeature(db, environmentId, featureId);
      const question = { environmentId, featureId, percent };
      const standings = await readStandings(db, environmentId);
      const findLast = async (userId: string): Promise<NearLimit | null> => {
        const userKey = await findUserKey(db, environmentId, userId);
        if (userKey === null) return null;
        const { grant, used } = await findStanding({ environmentId, userId, featureId });
        return grant?.limit == null ? null : { userKey, used, limit: grant.limit };
      };
      const rows = await listAfter({ first, after }, findLast, (page) =>
        readLong(() => findNearLimit(db, standings, question, page)),
      );
      const found = rows.map((row) => ({ ...row, featureId, asOf: standings.asOf }));
      return withUsers(found, queryFromInfo({ context, info, path: ['user'] }), context);
    },
  }),
}));
