import { queryFromInfo } from '@pothos/plugin-prisma';
import { sumOf } from '../../amount.ts';
import { Feature } from '../../features/graphql.ts';
import { requireFeature } from '../../features/store.ts';
import { builder } from '../../graphql/builder.ts';
import type { Context } from '../../graphql/context.ts';
import { Id, parse } from '../../input.ts';
import { requireUserKey } from '../../users/store.ts';
import { type Bucket, FeatureCount, fillSpan, type Point, readSpan } from './series-rules.ts';
import { findFeatureSeries, findTopSeries, findUserSeries } from './series-store.ts';

const UsageBucket = builder.enumType('UsageBucket', {
  description: 'Bucket size, in UTC.',
  values: {
    HOUR: { description: 'One hour, from a full hour.' },
    DAY: { description: 'One day, from midnight.' },
    MONTH: { description: 'One month, from its first day.' },
  } as const,
});

const UsageInBucket = builder.objectRef<Point>('UsageInBucket').implement({
  description: 'Usage in one bucket.',
  fields: (t) => ({
    start: t.expose('start', { type: 'DateTime', description: 'The start, inclusive.' }),
    end: t.expose('end', { type: 'DateTime', description: 'The end, exclusive.' }),
    used: t.expose('used', {
      type: 'Amount',
      description:
        'The usage: ADD counts its delta, SET the difference to the usage before. Negative if more was reverted than used.',
    }),
  }),
});

interface Series {
  feature: typeof Feature.$inferType;
  points: Point[];
}

const totalOf = ({ points }: Series) => sumOf(points.map(({ used }) => used));

const FeatureUsage = builder.objectRef<Series>('FeatureUsage').implement({
  description: 'Usage of one feature over time, by one user or by all users.',
  fields: (t) => ({
    feature: t.expose('feature', { type: Feature, description: 'The feature.' }),
    used: t.field({
      type: 'Amount',
      description: 'The sum of all buckets.',
      resolve: totalOf,
    }),
    buckets: t.expose('points', { type: [UsageInBucket], description: 'All buckets, oldest first.' }),
  }),
});

const spanArgs = builder.args((t) => ({
  from: t.field({
    type: 'DateTime',
    description:
      'The first bucket contains this time. Default: 24 hours, 30 days or 12 months before the end.',
  }),
  to: t.field({
    type: 'DateTime',
    description:
      'The end, exclusive: the last bucket contains the moment before. Default: the end of the current bucket.',
  }),
  bucket: t.field({
    type: UsageBucket,
    defaultValue: 'DAY',
    description: 'The bucket size. At most 1,000 buckets are possible.',
  }),
}));

interface SpanArgs {
  from?: Date | null;
  to?: Date | null;
  bucket?: Bucket | null;
}

/** The current bucket follows the clock of PostgreSQL. */
const spanOf = async ({ from = null, to = null, bucket }: SpanArgs, { readClock }: Context) =>
  readSpan({ from, to, bucket: bucket ?? 'DAY' }, to ?? (await readClock()));

builder.queryFields((t) => ({
  usageSeries: t.field({
    type: [UsageInBucket],
    description:
      'Usage of a feature over time, in buckets, oldest first. Usage counts in the bucket of its timestamp, whenever it was recorded. `UserNotFoundError` or `FeatureNotFoundError` if an id is unknown.',
    args: {
      featureId: t.arg.string({ required: true, description: 'The id of the feature.' }),
      userId: t.arg.string({ description: 'The id of the user. Default: all users together.' }),
      ...spanArgs,
    },
    resolve: async (_root, args, context) => {
      const { db, environmentId, readLong } = context;
      const featureId = parse(Id, args.featureId, 'featureId');
      const userId = parse(Id.nullish(), args.userId, 'userId') ?? null;
      const span = await spanOf(args, context);
      await requireFeature(db, environmentId, featureId);
      if (userId !== null) await requireUserKey(db, environmentId, userId);
      const used = await readLong(() =>
        userId === null
          ? findFeatureSeries(db, { environmentId, featureId }, span)
          : findUserSeries(db, { environmentId, userId, featureId }, span),
      );
      return fillSpan(span, used);
    },
  }),
  usageByFeature: t.field({
    type: [FeatureUsage],
    description:
      'The most used features with their usage over time, most used first. Usage without a subscription is included. `UserNotFoundError` if the id is unknown.',
    args: {
      userId: t.arg.string({ description: 'The id of the user. Default: all users together.' }),
      first: t.arg.int({ defaultValue: 6, description: 'The maximum number of features, 1 to 50.' }),
      ...spanArgs,
    },
    resolve: async (_root, args, context, info): Promise<Series[]> => {
      const { db, environmentId, readLong } = context;
      const count = parse(FeatureCount, args.first ?? 6, 'first');
      const userId = parse(Id.nullish(), args.userId, 'userId') ?? null;
      const span = await spanOf(args, context);
      if (userId !== null) await requireUserKey(db, environmentId, userId);
      const used = await readLong(() => findTopSeries(db, { environmentId, userId }, span, count));
      const features = await db.feature.findMany({
        ...queryFromInfo({ context, info, path: ['feature'] }),
        where: { environmentId, id: { in: used.map(({ featureId }) => featureId) } },
      });
      return features
        .map((feature) => {
          const known = used.filter(({ featureId }) => featureId === feature.id);
          return { feature, points: fillSpan(span, known) };
        })
        .sort((a, b) => Number(totalOf(b) - totalOf(a)) || (a.feature.id < b.feature.id ? -1 : 1));
    },
  }),
}));
