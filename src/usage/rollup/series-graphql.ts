import { queryFromInfo } from '@pothos/plugin-prisma';
import { Feature } from '../../features/graphql.ts';
import { requireFeature } from '../../features/store.ts';
import { builder } from '../../graphql/builder.ts';
import type { Context } from '../../graphql/context.ts';
import { Id, parse } from '../../input.ts';
import { requireUserKey } from '../../users/store.ts';
import { type Bucket, FeatureCount, fillSpan, type Point, readSpan } from './series-rules.ts';
import { findFeatureSeries, findTopSeries, findUserSeries } from './series-store.ts';

const UsageBucket = builder.enumType('UsageBucket', {
  description: 'How long the pieces are in which usage over time is told. All begin and end in UTC.',
  values: {
    HOUR: { description: 'From one full hour to the next.' },
    DAY: { description: 'From midnight to midnight.' },
    MONTH: { description: 'From the first of a month to the first of the next.' },
  } as const,
});

const UsageInBucket = builder.objectRef<Point>('UsageInBucket').implement({
  description: 'What was used in one hour, day or month.',
  fields: (t) => ({
    start: t.expose('start', { type: 'DateTime', description: 'When it begins; it is included.' }),
    end: t.expose('end', { type: 'DateTime', description: 'When it ends; it is excluded.' }),
    used: t.exposeFloat('used', {
      description:
        'What was used, a whole number: ADD counts its delta, SET the difference that it made. Negative where more was reverted than used.',
    }),
  }),
});

interface Series {
  feature: typeof Feature.$inferType;
  points: Point[];
}

const totalOf = ({ points }: Series) => points.reduce((sum, { used }) => sum + used, 0);

const FeatureUsage = builder.objectRef<Series>('FeatureUsage').implement({
  description: 'What a user, or all users together, used of a feature over time.',
  fields: (t) => ({
    feature: t.expose('feature', { type: Feature, description: 'The feature.' }),
    used: t.float({
      description: 'What was used in all the buckets together.',
      resolve: totalOf,
    }),
    buckets: t.expose('points', { type: [UsageInBucket], description: 'Every bucket, the oldest first.' }),
  }),
});

const spanArgs = builder.args((t) => ({
  from: t.field({
    type: 'DateTime',
    description:
      'The first bucket is the one that holds this. Without it there are 24 hours, 30 days or 12 months.',
  }),
  to: t.field({
    type: 'DateTime',
    description: 'The last bucket is the one that holds the moment before this. Without it, the running one.',
  }),
  bucket: t.field({
    type: UsageBucket,
    defaultValue: 'DAY',
    description: 'How long each bucket is. There are at most 1,000 of them.',
  }),
}));

interface SpanArgs {
  from?: Date | null;
  to?: Date | null;
  bucket?: Bucket | null;
}

/** The running bucket is the one that PostgreSQL counts usage in. */
const spanOf = async ({ from = null, to = null, bucket }: SpanArgs, { readClock }: Context) =>
  readSpan({ from, to, bucket: bucket ?? 'DAY' }, to ?? (await readClock()));

builder.queryFields((t) => ({
  usageSeries: t.field({
    type: [UsageInBucket],
    description:
      'What was used of a feature over time, every bucket with what was used in it, the oldest first. Usage is told in the bucket that it was used in, whenever it was recorded. `UserNotFoundError` or `FeatureNotFoundError` if unknown.',
    args: {
      featureId: t.arg.string({ required: true, description: 'The id of the feature.' }),
      userId: t.arg.string({ description: 'The id of the user. Without it, of all users together.' }),
      ...spanArgs,
    },
    resolve: async (_root, args, context) => {
      const { db, environmentId } = context;
      const featureId = parse(Id, args.featureId, 'featureId');
      const userId = parse(Id.nullish(), args.userId, 'userId') ?? null;
      const span = await spanOf(args, context);
      await requireFeature(db, environmentId, featureId);
      if (userId === null)
        return fillSpan(span, await findFeatureSeries(db, { environmentId, featureId }, span));
      await requireUserKey(db, environmentId, userId);
      return fillSpan(span, await findUserSeries(db, { environmentId, userId, featureId }, span));
    },
  }),
  usageByFeature: t.field({
    type: [FeatureUsage],
    description:
      'The features of which most was used, with what was used over time; the most used first. Whether a subscription grants them makes no difference. `UserNotFoundError` if unknown.',
    args: {
      userId: t.arg.string({ description: 'What this user used. Without it, what all users together used.' }),
      first: t.arg.int({ defaultValue: 6, description: 'How many features at most, 1 to 50.' }),
      ...spanArgs,
    },
    resolve: async (_root, args, context, info): Promise<Series[]> => {
      const { db, environmentId } = context;
      const count = parse(FeatureCount, args.first ?? 6, 'first');
      const userId = parse(Id.nullish(), args.userId, 'userId') ?? null;
      const span = await spanOf(args, context);
      if (userId !== null) await requireUserKey(db, environmentId, userId);
      const used = await findTopSeries(db, { environmentId, userId }, span, count);
      const features = await db.feature.findMany({
        ...queryFromInfo({ context, info, path: ['feature'] }),
        where: { environmentId, id: { in: used.map(({ featureId }) => featureId) } },
      });
      return features
        .map((feature) => {
          const known = used.filter(({ featureId }) => featureId === feature.id);
          return { feature, points: fillSpan(span, known) };
        })
        .sort((a, b) => totalOf(b) - totalOf(a) || (a.feature.id < b.feature.id ? -1 : 1));
    },
  }),
}));
