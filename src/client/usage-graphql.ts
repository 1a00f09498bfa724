import { oneUnit } from '../amount.ts';
import type { Feature as FeatureRow, Subscription as SubscriptionRow } from '../database/generated/client.ts';
import { grantedTo } from '../entitlements/granted-store.ts';
import { findPackageIds } from '../entitlements/report.ts';
import { type Entitlement as EntitlementShape, entitlementOf } from '../entitlements/rules.ts';
import { type Window, windowAt } from '../entitlements/window-rules.ts';
import { maxItems } from '../graphql/limits/answer-size.ts';
import { Id, parse } from '../input.ts';
import { heldStatuses, statusAt } from '../subscriptions/status-rules.ts';
import { type Period, readNow, showUsage, type UsageHistory } from '../usage/history.ts';
import { PastPeriods } from '../usage/record/rules.ts';
import { requireUserKey } from '../users/store.ts';
import { builder, type ClientContext } from './builder.ts';
import { Consumption, Feature, User } from './graphql.ts';

/* What the user has: entitlements with usage, and subscriptions. */

interface UserEntitlementShape extends EntitlementShape {
  feature: FeatureRow;
  packageId: string | null;
  /** Null for a BINARY feature. */
  window: Window | null;
}

const UserEntitlement = builder.objectRef<UserEntitlementShape>('UserEntitlement').implement({
  description: 'A feature that the user is entitled to, with its usage.',
  fields: (t) => ({
    feature: t.field({ type: Feature, description: 'The feature.', resolve: ({ feature }) => feature }),
    access: t.exposeBoolean('access', {
      description: 'Whether the user may use the feature at least once.',
    }),
    reason: t.exposeString('reason', { description: 'Why access is given or denied, as a sentence.' }),
    consumption: t.expose('consumption', {
      type: Consumption,
      nullable: true,
      description: 'Null for a BINARY feature.',
    }),
    periodStart: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The start of the current period. Null for a BINARY feature.',
      resolve: ({ window }) => window?.start ?? null,
    }),
    periodEnd: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When usage resets. Null if it never does, and for a BINARY feature.',
      resolve: ({ window }) => window?.end ?? null,
    }),
    packageId: t.exposeString('packageId', {
      nullable: true,
      description: 'The package that counts. Null if something that was given to this user counts.',
    }),
  }),
});

const ConsumptionInPeriod = builder.objectRef<Period>('ConsumptionInPeriod').implement({
  description: 'Usage in one period.',
  fields: (t) => ({
    periodStart: t.field({
      type: 'DateTime',
      description: 'The start, inclusive.',
      resolve: ({ window }) => window.start,
    }),
    periodEnd: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The end, exclusive. Null if usage never resets.',
      resolve: ({ window }) => window.end,
    }),
    consumption: t.expose('consumption', { type: Consumption, description: 'The usage, and its budget.' }),
  }),
});

const ShowUsageData = builder.objectRef<UsageHistory>('ShowUsageData').implement({
  description: 'The usage of a feature, by period.',
  fields: (t) => ({
    current: t.expose('current', {
      type: ConsumptionInPeriod,
      nullable: true,
      description: 'The current period. Null without an entitlement, and for a BINARY feature.',
    }),
    past: t.expose('past', { type: [ConsumptionInPeriod], description: 'Earlier periods, newest first.' }),
  }),
});

/** The user of the credentials. @throws UserNotFoundError, ValidationError */
async function requireCaller({ db, environmentId, userId }: ClientContext) {
  const id = parse(Id, userId, 'X-User-ID');
  return { id, key: await requireUserKey(db, environmentId, id) };
}

builder.queryFields((t) => ({
  entitlements: t.field({
    type: [UserEntitlement],
    description:
      'The features that the user is entitled to, one row for each, oldest feature first. `UserNotFoundError` if the id of the user is unknown.',
    args: { featureId: t.arg.string({ description: 'Only this feature: one row, or none.' }) },
    resolve: async (_root, args, context) => {
      const { db, environmentId, findStanding } = context;
      const { id: userId, key } = await requireCaller(context);
      const features = await db.feature.findMany({
        where: await grantedTo(db, environmentId, key, args.featureId),
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        take: maxItems + 1,
      });
      const standings = await Promise.all(
        features.map(({ id: featureId }) => findStanding({ environmentId, userId, featureId })),
      );
      const packageIds = await findPackageIds(
        db,
        environmentId,
        standings.map(({ grant }) => (grant?.kind === 'SUBSCRIPTION' ? grant.subscriptionId : undefined)),
      );
      const now = await readNow(db);
      return features.flatMap((feature, index) => {
        const standing = standings[index];
        if (!standing?.grant) return [];
        const window = feature.type === 'BINARY' ? null : windowAt(standing.grant, now);
        const packageId = packageIds[index] ?? null;
        return { feature, window, packageId, ...entitlementOf(standing, oneUnit) };
      });
    },
  }),
  showUsage: t.field({
    type: ShowUsageData,
    description:
      'The usage of a feature in the current period and earlier ones. `UserNotFoundError` or `FeatureNotFoundError` if an id is unknown.',
    args: {
      featureId: t.arg.string({ required: true, description: 'The id of the feature.' }),
      pastPeriods: t.arg.int({
        defaultValue: 12,
        description: 'The maximum number of past periods, 0 to 120.',
      }),
    },
    resolve: (_root, args, context) => {
      const { environmentId } = context;
      const userId = parse(Id, context.userId, 'X-User-ID');
      const featureId = parse(Id, args.featureId, 'featureId');
      const pastPeriods = parse(PastPeriods, args.pastPeriods ?? 12, 'pastPeriods');
      return showUsage(context, { environmentId, userId, featureId }, pastPeriods);
    },
  }),
}));

const SubscriptionStatus = builder.enumType('SubscriptionStatus', {
  description: 'The status of a subscription. Only ACTIVE and TRIALING give access.',
  values: {
    ACTIVE: { description: 'Subscribed.' },
    TRIALING: { description: 'Subscribed, on trial.' },
    SCHEDULED: { description: 'It has not started yet.' },
    PAST_DUE: { description: 'A payment is late.' },
    UNPAID: { description: 'Payments failed.' },
    INCOMPLETE: { description: 'The first payment is pending.' },
    CANCELLED: { description: 'Ended.' },
    INCOMPLETE_EXPIRED: { description: 'Ended: the first payment never arrived.' },
  } as const,
});

const PackageSubscription = builder.objectRef<SubscriptionRow>('PackageSubscription').implement({
  description: 'A subscription of the user to a package.',
  fields: (t) => ({
    id: t.string({ description: 'Generated by the server; opaque.', resolve: ({ id }) => `${id}` }),
    packageId: t.exposeString('packageId', { description: 'The id of the package.' }),
    version: t.exposeInt('packageVersion', { description: 'The version of the package that the user has.' }),
    isAddon: t.exposeBoolean('isAddon', { description: 'Whether the package is an add-on.' }),
    status: t.field({
      type: SubscriptionStatus,
      description: 'The status now.',
      resolve: (row) => statusAt(row, new Date()),
    }),
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'The start, which may lie ahead.' }),
    trialEnd: t.expose('trialEnd', {
      type: 'DateTime',
      nullable: true,
      description: 'The end of the trial. Null without a trial.',
    }),
    cancelsAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The scheduled end. Null without one.',
      resolve: ({ provider, endedAt, providerCancelsAt }) =>
        provider === null ? endedAt : providerCancelsAt,
    }),
  }),
});

/** Subscriptions that have not ended. */
const open = (now: Date) => ({
  OR: [{ endedAt: null }, { endedAt: { gt: now } }],
  status: { in: [...heldStatuses, 'SCHEDULED' as const] },
});

builder.prismaObjectField(User, 'subscriptions', (t) =>
  t.field({
    type: [PackageSubscription],
    description:
      'The subscriptions that have not ended, oldest first: also those that start later, or whose payment is late.',
    select: { key: true },
    resolve: ({ key }, _args, { db }) =>
      db.subscription.findMany({
        where: { userKey: key, ...open(new Date()) },
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        take: maxItems + 1,
      }),
  }),
);
