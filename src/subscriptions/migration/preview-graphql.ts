import type { GraphQLResolveInfo } from 'graphql';
import { builder } from '../../graphql/builder.ts';
import type { Context } from '../../graphql/context.ts';
import { nestedList } from '../../graphql/nested-list.ts';
import { parse } from '../../input.ts';
import { Package } from '../../packages/graphql.ts';
import { atVersion } from '../../packages/rules.ts';
import { CarriedUsage } from '../change/graphql.ts';
import { type MigrationPreview, maxNamed, previewMigration } from './preview.ts';
import { NewMigration } from './rules.ts';

export const MigrationTime = builder.enumType('MigrationTime', {
  description: 'When subscribers are moved.',
  values: {
    NOW: { description: 'At once, one after another.' },
    PERIOD_END: {
      description:
        'Each at the end of the own running period: a change is scheduled, as changePackage(atPeriodEnd: true) does.',
    },
  } as const,
});

/** The packages with these ids, for nestedList. */
async function packagesOf({ db, environmentId }: Context, ids: string[]) {
  const rows = await db.package.findMany({ where: { environmentId, id: { in: ids } } });
  return rows.map((row) => ({ ownerId: row.id, item: row }));
}

/** A package, at a version or as a whole; null if it was deleted. */
export async function packageOf(
  context: Context,
  info: GraphQLResolveInfo,
  id: string,
  version: number | null,
) {
  const [row] = await nestedList(context, info, id, (ids) => packagesOf(context, ids));
  if (row === undefined) return null;
  return version === null ? row : atVersion(row, version);
}

type OverLimitUser = MigrationPreview['overLimitUsers'][number];

const OverLimit = builder.objectRef<OverLimitUser>('MigrationOverLimit').implement({
  description: 'A user who has used more of a feature than the new package allows.',
  fields: (t) => ({
    userId: t.exposeString('userId', { description: 'The id of the user.' }),
    featureId: t.exposeString('featureId', { description: 'The id of the feature.' }),
    used: t.field({
      type: 'Amount',
      description: 'What is used, as it would be carried over.',
      resolve: ({ used }) => used,
    }),
    limit: t.field({
      type: 'Amount',
      description: 'The limit of the new package.',
      resolve: ({ limit }) => limit,
    }),
    overageEnabled: t.exposeBoolean('overageEnabled', {
      description: 'Whether the new package lets the user go on beyond the limit.',
    }),
  }),
});

const Skipped = builder
  .objectRef<MigrationPreview['skippedUsers'][number]>('MigrationSkippedUser')
  .implement({
    description: 'A user whom a migration would not move.',
    fields: (t) => ({
      userId: t.exposeString('userId', { description: 'The id of the user.' }),
      reason: t.exposeString('reason', { description: 'Why, for people.' }),
    }),
  });

const EndingAddon = builder
  .objectRef<MigrationPreview['endingAddons'][number]>('MigrationEndingAddon')
  .implement({
    description: 'An add-on that is not available with the new package.',
    fields: (t) => ({
      packageId: t.exposeString('packageId', { description: 'The id of the add-on.' }),
      package: t.field({
        type: Package,
        description: 'The add-on.',
        resolve: async ({ packageId }, _args, context, info) => {
          const row = await packageOf(context, info, packageId, null);
          if (row === null) throw new Error('an add-on that is held was not found');
          return row;
        },
      }),
      count: t.exposeInt('count', { description: 'How many subscriptions to it would end.' }),
    }),
  });

const Preview = builder.objectRef<MigrationPreview>('MigrationPreview').implement({
  description: 'What a migration would do now. It is exact: the migration decides by the same rules.',
  fields: (t) => ({
    fromPackageId: t.exposeString('fromPackageId', { description: 'The id of the package before.' }),
    fromVersion: t.exposeInt('fromVersion', {
      nullable: true,
      description: 'The version before; null is every version.',
    }),
    toPackageId: t.exposeString('toPackageId', { description: 'The id of the package after.' }),
    toVersion: t.exposeInt('toVersion', { description: 'The version after.' }),
    total: t.exposeInt('total', { description: 'How many subscribers there are to examine.' }),
    moving: t.exposeInt('moving', { description: 'How many would be moved.' }),
    skipped: t.exposeInt('skipped', { description: 'How many a rule does not allow to be moved.' }),
    skippedUsers: t.expose('skippedUsers', {
      type: [Skipped],
      description: `The first ${maxNamed} of them.`,
    }),
    overLimit: t.exposeInt('overLimit', {
      description:
        'How many users have used more of a feature than the new package allows. Zero with RESET: nothing is carried over.',
    }),
    overLimitUsers: t.expose('overLimitUsers', {
      type: [OverLimit],
      description: `The first ${maxNamed} of them, each with every such feature.`,
    }),
    endingAddons: t.expose('endingAddons', {
      type: [EndingAddon],
      description: 'The add-ons that would end, because they are not available with the new package.',
    }),
  }),
});

const MigrateSubscribersInput = builder.inputType('MigrateSubscribersInput', {
  description: 'Whom to move, and to what.',
  fields: (t) => ({
    fromPackageId: t.string({ required: true, description: 'The package before.' }),
    fromVersion: t.int({ description: 'Only subscribers of this version. Default: of every version.' }),
    toPackageId: t.string({
      required: true,
      description:
        'A PUBLISHED package, which may be the same one: a base package for a base package, an add-on for an add-on.',
    }),
    toVersion: t.int({ description: 'A published version of it. Default: the current version.' }),
    at: t.field({ type: MigrationTime, defaultValue: 'NOW', description: 'When to move them.' }),
    usage: t.field({
      type: CarriedUsage,
      defaultValue: 'CARRY',
      description: 'What becomes of the usage of their running windows.',
    }),
    userIds: t.stringList({ description: 'Only these users, up to 1,000. Default: all subscribers.' }),
  }),
});

export const readInput = (input: { at?: unknown; usage?: unknown }) =>
  parse(NewMigration, { ...input, at: input.at ?? 'NOW', usage: input.usage ?? 'CARRY' }, 'input');

export const inputArg = {
  type: MigrateSubscribersInput,
  required: true,
  description: 'Whom to move, and to what.',
} as const;

builder.queryFields((t) => ({
  previewMigration: t.field({
    type: Preview,
    description:
      'What migrateSubscribers would do with the same input now. Nothing is changed. `PackageNotFoundError`, `UserNotFoundError`.',
    args: { input: t.arg(inputArg) },
    resolve: async (_root, { input }, { db, environmentId, readClock, readLong }) => {
      const now = await readClock();
      return readLong(() => previewMigration(db, environmentId, readInput(input), now));
    },
  }),
}));
