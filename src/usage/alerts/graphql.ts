import { z } from 'zod';
import { type Amount, amountOf } from '../../amount.ts';
import { Feature, type WithFeature, withFeatures } from '../../features/graphql.ts';
import { builder } from '../../graphql/builder.ts';
import { parse } from '../../input.ts';
import { ownerArgs, readOwner } from '../../users/owner-graphql.ts';

const Count = z.int().min(1, 'must be 1 or more').max(100, 'must be at most 100');

interface UsageAlertRow {
  featureId: string;
  /** In percent; 0 for an absolute threshold. */
  threshold: number;
  amount: Amount;
  windowStart: Date;
  createdAt: Date;
}

const UsageAlert = builder.objectRef<WithFeature<UsageAlertRow>>('UsageAlert').implement({
  description:
    'A threshold that a user has reached in a window, and for which an event was written for webhooks.',
  fields: (t) => ({
    feature: t.field({ type: Feature, description: 'The feature.', resolve: ({ feature }) => feature }),
    threshold: t.int({
      nullable: true,
      description: 'In percent of the limit. Null for an absolute threshold.',
      resolve: ({ threshold }) => (threshold === 0 ? null : threshold),
    }),
    thresholdAmount: t.field({
      type: 'Amount',
      nullable: true,
      description: 'The absolute threshold. Null for one in percent.',
      resolve: ({ threshold, amount }) => (threshold === 0 ? amount : null),
    }),
    windowStart: t.expose('windowStart', { type: 'DateTime', description: 'When the window began.' }),
    reachedAt: t.expose('createdAt', {
      type: 'DateTime',
      description:
        'When it was reached, and the event was written. `webhookDeliveries` tells whether it arrived.',
    }),
    toldAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'The same as reachedAt.',
      deprecationReason: 'Use reachedAt: whether the event arrived is told by webhookDeliveries.',
    }),
  }),
});

builder.queryField('usageAlerts', (t) =>
  t.field({
    type: [UsageAlert],
    description:
      'The thresholds that a user has reached and for which an event was written for webhooks, newest first: of the current windows, and of those that ended in the last 90 days. `UserNotFoundError` or `FeatureNotFoundError` if an id is unknown.',
    args: {
      ...ownerArgs,
      first: t.arg.int({ defaultValue: 20, description: 'The maximum number of items, 1 to 100.' }),
    },
    resolve: async (_root, { first, ...given }, context, info) => {
      const take = parse(Count, first ?? 20, 'first');
      const { userKey, featureId } = await readOwner(given, context);
      const rows = await context.db.usageAlert.findMany({
        where: {
          userKey,
          ...(featureId === undefined ? {} : { featureId }),
          // Neither: the end of the window is to be told, and may not have been yet.
          OR: [{ threshold: { gt: 0 } }, { amount: { gt: 0 } }],
        },
        orderBy: [{ createdAt: 'desc' }, { threshold: 'desc' }, { amount: 'desc' }],
        take,
      });
      const alerts = rows.map((row) => ({ ...row, amount: amountOf(row.amount) }));
      return withFeatures(alerts, context, info);
    },
  }),
);
