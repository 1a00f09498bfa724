import { builder } from '../../graphql/builder.ts';
import { Id, parse } from '../../input.ts';
import { requireUserKey } from '../../users/store.ts';
import { PackageSubscription, subscriptionId } from '../graphql.ts';
import { PackageIds } from '../rules.ts';
import { findBaseAtProvider, isHeldAtProvider } from '../store.ts';
import {
  cancelSubscription,
  changePackage,
  type PackageChange,
  resumeSubscription,
  subscribe,
} from './change.ts';
import { When } from './rules.ts';

export const CarriedUsage = builder.enumType('CarriedUsage', {
  description: 'What becomes of usage when the package is changed.',
  values: {
    RESET: { description: 'The new subscription begins with its own windows, and without usage.' },
    CARRY: {
      description:
        'Features that reset alike keep their windows, and what was used in the running window counts in the new subscription.',
    },
  } as const,
});

const whenArgs = builder.args((t) => ({
  at: t.field({ type: 'DateTime', description: 'When, now or later. Default: now.' }),
  atPeriodEnd: t.boolean({
    description:
      'At the end of the running period: of the window of the feature that resets last, or of the interval of the price.',
  }),
}));

const ChangedPackage = builder.objectRef<PackageChange>('ChangedPackage').implement({
  description: 'The result of a change of the base package.',
  fields: (t) => ({
    subscription: t.prismaField({
      type: PackageSubscription,
      description: 'The subscription to the new base package.',
      resolve: (query, { startedId }, _args, { db }) =>
        db.subscription.findFirstOrThrow({ ...query, where: { id: startedId } }),
    }),
    replaced: t.prismaField({
      type: PackageSubscription,
      description:
        'The subscription to the previous base package: CANCELLED, or until a later change its `cancelsAt` is set.',
      resolve: (query, { replacedId }, _args, { db }) =>
        db.subscription.findFirstOrThrow({ ...query, where: { id: replacedId } }),
    }),
    cancelledAddons: t.prismaField({
      type: [PackageSubscription],
      description:
        'The subscriptions to add-ons that are not available with the new base package. They end with the previous one.',
      resolve: (query, { cancelledAddonIds }, _args, { db }) =>
        db.subscription.findMany({
          ...query,
          where: { id: { in: cancelledAddonIds } },
          orderBy: { id: 'asc' },
        }),
    }),
  }),
});

builder.mutationFields((t) => ({
  subscribe: t.prismaField({
    type: [PackageSubscription],
    nullable: { list: false, items: true },
    description:
      'Subscribes a user to all of these packages, or to none. A user has at most one base package. An add-on needs a live base package that it is available with. `UserNotFoundError`, or `SubscriptionError` if a rule is broken.',
    args: {
      packageIds: t.arg.stringList({
        required: true,
        description: 'PUBLISHED packages, up to 100, each once: at most one base package, and any add-ons.',
      }),
      userId: t.arg.string({ required: true, description: 'The id of the user.' }),
      startsAt: t.arg({
        type: 'DateTime',
        description:
          'The start. In the future: SCHEDULED until then. In the past: usage since then counts. Default: now.',
      }),
      trialEndsAt: t.arg({
        type: 'DateTime',
        description: 'The end of a trial: TRIALING until then, ACTIVE afterwards. Default: no trial.',
      }),
      afterTrialPackageId: t.arg.string({
        description:
          'The base package that replaces the one of the trial when the trial ends. Default: it goes on.',
      }),
    },
    resolve: async (query, _root, args, { db, author }) => {
      const packageIds = parse(PackageIds, args.packageIds, 'packageIds');
      const userId = parse(Id, args.userId, 'userId');
      const afterTrialPackageId = parse(Id.nullish(), args.afterTrialPackageId, 'afterTrialPackageId');
      const { startsAt, trialEndsAt } = args;
      const subscribing = { packageIds, startsAt, trialEndsAt, afterTrialPackageId };
      const ids = await subscribe(db, author, userId, subscribing);
      return db.subscription.findMany({ ...query, where: { id: { in: ids } }, orderBy: { id: 'asc' } });
    },
  }),
  cancelSubscription: t.prismaField({
    type: PackageSubscription,
    description:
      'Cancels a subscription now or later. Cancelling a base package also cancels its add-ons, and what was to follow it. What a billing provider holds is cancelled there first; then what it says is what is held. `SubscriptionNotFoundError`, or `SubscriptionError` if it has ended, or if the provider refuses or cannot be reached: then nothing has changed.',
    args: { id: t.arg.string({ required: true, description: 'The id of the subscription.' }), ...whenArgs },
    resolve: async (query, _root, args, { db, admitUsers, author, environmentId, billing }) => {
      const id = subscriptionId(args.id);
      const when = parse(When, args, 'when');
      const isElsewhere = await isHeldAtProvider(db, environmentId, id);
      if (isElsewhere) await billing.cancel({ prisma: db, admitUsers }, author, id, when);
      else await cancelSubscription(db, author, id, when);
      return db.subscription.findFirstOrThrow({ ...query, where: { id } });
    },
  }),
  resumeSubscription: t.prismaField({
    type: PackageSubscription,
    description:
      'Takes a scheduled end back. What was to follow does not start; add-ons that were to end with a base package go on. `SubscriptionNotFoundError`, or `SubscriptionError` if there is no scheduled end. What a billing provider holds is resumed there first.',
    args: { id: t.arg.string({ required: true, description: 'The id of the subscription.' }) },
    resolve: async (query, _root, args, { db, admitUsers, author, environmentId, billing }) => {
      const id = subscriptionId(args.id);
      const isElsewhere = await isHeldAtProvider(db, environmentId, id);
      if (isElsewhere) await billing.resume({ prisma: db, admitUsers }, author, id);
      else await resumeSubscription(db, author, id);
      return db.subscription.findFirstOrThrow({ ...query, where: { id } });
    },
  }),
  changePackage: t.field({
    type: ChangedPackage,
    description:
      'Replaces the base package of a user in one step, now or later: by another package, or by another version of the same one. A change that was scheduled before is withdrawn. Add-ons that are not available with the new one are cancelled. A base package that a billing provider holds is changed there first, now only, to the price of the other package in the same currency and interval. `UserNotFoundError`, or `SubscriptionError` if a rule is broken.',
    args: {
      userId: t.arg.string({ required: true, description: 'The id of a user with a base package.' }),
      packageId: t.arg.string({
        required: true,
        description: 'A PUBLISHED base package, at its current version.',
      }),
      ...whenArgs,
      usage: t.arg({
        type: CarriedUsage,
        defaultValue: 'RESET',
        description: 'What becomes of the usage of the running windows.',
      }),
    },
    resolve: async (_root, args, { db, admitUsers, author, environmentId, billing }) => {
      const userId = parse(Id, args.userId, 'userId');
      const to = {
        packageId: parse(Id, args.packageId, 'packageId'),
        when: parse(When, { at: args.at, atPeriodEnd: args.atPeriodEnd }, 'when'),
        usage: args.usage ?? ('RESET' as const),
      };
      const userKey = await requireUserKey(db, environmentId, userId);
      const elsewhere = await findBaseAtProvider(db, userKey);
      if (elsewhere === null) return changePackage(db, author, userId, to);
      return billing.changePackage({ prisma: db, admitUsers }, author, elsewhere, to);
    },
  }),
}));
