import { queryFromInfo } from '@pothos/plugin-prisma';
import { NonNegativeAmount, oneUnit, requireFit } from '../amount.ts';
import type { Feature as FeatureRow, Subscription } from '../database/generated/client.ts';
import { Feature } from '../features/graphql.ts';
import { builder, type Fields } from '../graphql/builder.ts';
import { maxItems } from '../graphql/limits/answer-size.ts';
import { planned } from '../graphql/plans/compile.ts';
import { Id, parse, readId } from '../input.ts';
import { PackageSubscription } from '../subscriptions/graphql.ts';
import { requireUserKey } from '../users/store.ts';
import { grantedTo } from './granted-store.ts';
import {
  type Consumption as ConsumptionShape,
  type Entitlement as EntitlementShape,
  entitlementOf,
  type TopUpBalance,
} from './rules.ts';

const TopUpBalanceType = builder.objectRef<TopUpBalance>('TopUpBalance').implement({
  description: 'The top-ups of a user for a feature that can be used now, together.',
  fields: (t) => ({
    granted: t.expose('granted', { type: 'Amount', description: 'What they gave.' }),
    remaining: t.expose('remaining', { type: 'Amount', description: 'What remains of it.' }),
  }),
});

export const Consumption = builder.objectRef<ConsumptionShape>('Consumption').implement({
  description: 'Usage and budget of a CONSUMABLE feature in one window.',
  fields: (t) => ({
    used: t.expose('used', {
      type: 'Amount',
      description: 'What was recorded in the window; 0 if more was reverted.',
    }),
    budget: t.expose('budget', {
      type: 'Amount',
      nullable: true,
      description: 'The limit for the window. Null is unlimited.',
    }),
    overageEnabled: t.exposeBoolean('overageEnabled', {
      description: 'Whether usage beyond the budget is allowed.',
    }),
    remaining: t.expose('remaining', {
      type: 'Amount',
      nullable: true,
      description:
        'What is left of the budget and of the top-ups, without what reservations hold. Null is unlimited.',
    }),
    topUp: t.expose('topUp', {
      type: TopUpBalanceType,
      nullable: true,
      description: 'The top-ups that can be used now, whatever the window. Null if there are none.',
    }),
  }),
});

function entitlementFields<Shape extends EntitlementShape>(t: Fields<Shape>) {
  return {
    access: t.boolean({
      description: 'Whether the user may use the requested amount (default 1) of the feature.',
      resolve: ({ access }) => access,
    }),
    reason: t.string({
      description: 'Why access is given or denied, as a sentence.',
      resolve: ({ reason }) => reason,
    }),
    consumption: t.field({
      type: Consumption,
      nullable: true,
      description: 'Null for a BINARY feature, and without an entitlement.',
      resolve: ({ consumption }) => consumption,
    }),
  };
}

export const Entitlement = builder.objectRef<EntitlementShape>('Entitlement').implement({
  description:
    'Whether a user may use a feature, and how much. Of several packages, the highest limit counts.',
  fields: entitlementFields,
});

const CanUseFeatureData = builder.objectRef<EntitlementShape>('CanUseFeatureData').implement({
  description: 'The result of `canUseFeature`.',
  fields: entitlementFields,
});

interface UserEntitlementShape extends EntitlementShape {
  feature: FeatureRow;
  /** Null if a grant counts. */
  subscription: Subscription | null;
  /** Null if a subscription counts. */
  grantId: bigint | null;
  userKey: bigint;
}

export const UserEntitlement = builder.objectRef<UserEntitlementShape>('UserEntitlement').implement({
  description:
    'A feature that a user is entitled to, with the subscription or the feature grant that counts.',
  fields: (t) => ({
    feature: t.field({ type: Feature, description: 'The feature.', resolve: ({ feature }) => feature }),
    subscription: t.field({
      type: PackageSubscription,
      nullable: true,
      description:
        'The subscription that counts: it has the highest limit. Null if a feature grant counts, see `grant`.',
      resolve: ({ subscription }) => subscription,
    }),
    ...entitlementFields(t),
  }),
});

builder.prismaObjectField(Feature, 'entitlement', (t) =>
  t.field({
    type: Entitlement,
    nullable: true,
    description: 'The entitlement of a user to this feature. `UserNotFoundError` if the user is unknown.',
    args: { userId: t.arg.string({ required: true, description: 'The id of the user.' }) },
    resolve: async ({ id }, { userId }, { environmentId, findStanding }) =>
      entitlementOf(
        await findStanding({ environmentId, userId: parse(Id, userId, 'userId'), featureId: id }),
        oneUnit,
      ),
  }),
);

builder.queryFields((t) => ({
  canUseFeature: t.field({
    extensions: planned,
    type: CanUseFeatureData,
    description:
      'Whether a user may use a feature now. `UserNotFoundError` or `FeatureNotFoundError` if an id is unknown.',
    args: {
      featureId: t.arg.string({ required: true, description: 'The id of the feature.' }),
      userId: t.arg.string({ required: true, description: 'The id of the user.' }),
      delta: t.arg.int({
        defaultValue: 1,
        description:
          'The whole amount that the user wants to use, 0 or more. Ignored for a BINARY feature, and where `amount` is given.',
      }),
      amount: t.arg({
        type: 'Amount',
        description: 'The amount that the user wants to use, 0 or more, with decimals or larger than an Int.',
      }),
    },
    resolve: async (_root, args, { environmentId, findStanding }) => {
      const field = args.amount == null ? 'delta' : 'amount';
      const asked = args[field] ?? 1;
      const amount = asked === 1 ? oneUnit : parse(NonNegativeAmount, asked, field);
      const userId = readId(args.userId, 'userId');
      const featureId = readId(args.featureId, 'featureId');
      const standing = await findStanding({ environmentId, userId, featureId });
      if (standing.featureType === 'CONSUMABLE')
        requireFit(amount, { id: featureId, precision: standing.precision }, field);
      return entitlementOf(standing, amount);
    },
  }),
  entitlements: t.field({
    type: [UserEntitlement],
    description:
      "The features in a user's live subscriptions and feature grants, one row for each feature. `UserNotFoundError` or " +
      '`FeatureNotFoundError` if an id is unknown.',
    args: {
      userId: t.arg.string({ required: true, description: 'The id of the user.' }),
      featureId: t.arg.string({ description: 'Only this feature: one row, or none.' }),
    },
    resolve: async (_root, args, context, info) => {
      const { db, environmentId, findStanding } = context;
      const userId = parse(Id, args.userId, 'userId');
      const userKey = await requireUserKey(db, environmentId, userId);
      const features = await db.feature.findMany({
        ...queryFromInfo({ context, info, path: ['feature'] }),
        where: await grantedTo(db, environmentId, userKey, args.featureId),
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        take: maxItems + 1,
      });
      const standings = await Promise.all(
        features.map(({ id: featureId }) => findStanding({ environmentId, userId, featureId })),
      );
      const winners = standings.flatMap(({ grant }) => grant ?? []);
      const subscriptions = await db.subscription.findMany({
        ...queryFromInfo({ context, info, path: ['subscription'] }),
        where: {
          userKey,
          id: {
            in: winners.filter(({ kind }) => kind === 'SUBSCRIPTION').map((each) => each.subscriptionId),
          },
        },
      });
      return features.flatMap((feature, index) => {
        const standing = standings[index];
        if (!standing?.grant) return [];
        const { kind, subscriptionId } = standing.grant;
        const subscription = subscriptions.find(({ id }) => id === subscriptionId) ?? null;
        const grantId = kind === 'GRANT' ? subscriptionId : null;
        if (grantId === null && subscription === null) return [];
        return { feature, subscription, grantId, userKey, ...entitlementOf(standing, oneUnit) };
      });
    },
  }),
}));
