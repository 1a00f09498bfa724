import type { PrismaClient } from '../database/generated/client.ts';
import { subscriptionLinkError, subscriptionNotFound } from '../errors.ts';
import { builder } from '../graphql/builder.ts';
import { listArgs, listPage } from '../graphql/list.ts';
import { nestedList } from '../graphql/nested-list.ts';
import { Id, parse } from '../input.ts';
import { findPackage, Package } from '../packages/graphql.ts';
import { requireUserKey } from '../users/store.ts';
import { cancelSubscription, changePackage, type PackageChange, subscribe } from './change.ts';
import { heldStatuses, PackageIds, readSubscriptionId } from './rules.ts';

const SubscriptionStatus = builder.enumType('SubscriptionStatus', {
  description: 'Where a subscription is in its life. Only ACTIVE and TRIALING give access.',
  values: {
    ACTIVE: { description: 'Subscribed.' },
    TRIALING: { description: 'Subscribed, on trial.' },
    CANCELLED: { description: 'Over: it was cancelled, or replaced by another package.' },
    PAST_DUE: { description: 'Held, but a payment is late.' },
    UNPAID: { description: 'Held, but a payment is owed.' },
    INCOMPLETE: { description: 'Held, but the first payment is still to come.' },
    INCOMPLETE_EXPIRED: { description: 'Over: the first payment never came.' },
  } as const,
});

export const PackageSubscription = builder.prismaObject('Subscription', {
  name: 'PackageSubscription',
  description: 'That a user has a package, or had it.',
  fields: (t) => ({
    id: t.string({
      description: 'Made by the server; opaque.',
      select: { id: true },
      resolve: ({ id }) => `${id}`,
    }),
    userId: t.string({
      description: 'The id of the user.',
      select: { user: { select: { id: true } } },
      resolve: ({ user }) => user.id,
    }),
    status: t.expose('status', { type: SubscriptionStatus, description: 'Where it is in its life.' }),
    package: t.relation('package', { description: 'What is subscribed to.' }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      description: 'When it began. Usage counts from this moment on, and its periods are counted from it.',
    }),
    endedAt: t.expose('endedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended; null while it has not.',
    }),
    trialEnd: t.expose('trialEnd', {
      type: 'DateTime',
      nullable: true,
      description: 'When the trial ends; null without a trial.',
    }),
  }),
});

builder.prismaObjectField(Package, 'subscriberCount', (t) =>
  t.int({
    description: 'How many users have it now: subscriptions that are over do not count.',
    resolve: async ({ id }, _args, context, info) => {
      const [count = 0] = await nestedList(context, info, id, (packageIds) =>
        countHolders(context.db, context.environmentId, packageIds),
      );
      return count;
    },
  }),
);

const ChangedPackage = builder.objectRef<PackageChange>('ChangedPackage').implement({
  description: 'What a change of the base package began and ended.',
  fields: (t) => ({
    subscription: t.prismaField({
      type: PackageSubscription,
      description: 'The subscription to the new base package.',
      resolve: (query, { begunId }, _args, { db }) =>
        db.subscription.findFirstOrThrow({ ...query, where: { id: begunId } }),
    }),
    replaced: t.prismaField({
      type: PackageSubscription,
      description: 'The subscription to the former base package, now CANCELLED.',
      resolve: (query, { replacedId }, _args, { db }) =>
        db.subscription.findFirstOrThrow({ ...query, where: { id: replacedId } }),
    }),
    cancelledAddons: t.prismaField({
      type: [PackageSubscription],
      description: 'The subscriptions to add-ons that are not open to the new base package, now CANCELLED.',
      resolve: (query, { strandedIds }, _args, { db }) =>
        db.subscription.findMany({ ...query, where: { id: { in: strandedIds } }, orderBy: { id: 'asc' } }),
    }),
  }),
});

const SubscriptionLink = builder.objectRef<{ url: string }>('SubscriptionLink').implement({
  description: 'A link by which a user pays for a package at the billing provider.',
  fields: (t) => ({ url: t.exposeString('url', { description: 'Where to send the user.' }) }),
});

/** How many users hold each of these packages; none of those that nobody holds. */
async function countHolders(db: PrismaClient, environmentId: string, packageIds: string[]) {
  const counts = await db.subscription.groupBy({
    by: ['packageId'],
    where: { environmentId, packageId: { in: packageIds }, status: { in: [...heldStatuses] } },
    _count: true,
  });
  return counts.map(({ packageId, _count }) => ({ ownerId: packageId, item: _count }));
}

/** The id of a subscription as it is inside; SubscriptionNotFoundError for one that none can have. */
function subscriptionId(text: string): bigint {
  const id = readSubscriptionId(parse(Id, text, 'id'));
  if (id === null) throw subscriptionNotFound(text);
  return id;
}

/** Which subscriptions a list is about: those of one user, or all. */
async function ownerOf(db: PrismaClient, environmentId: string, userId: string | null | undefined) {
  if (userId == null) return {};
  const userKey = await requireUserKey(db, environmentId, parse(Id, userId, 'userId'));
  return { userKey };
}

/** Which subscriptions a list is about: those to one package, or all. */
async function subjectOf(db: PrismaClient, environmentId: string, packageId: string | null | undefined) {
  if (packageId == null) return {};
  const { id } = await findPackage(db, {}, environmentId, parse(Id, packageId, 'packageId'));
  return { packageId: id };
}

builder.queryFields((t) => ({
  subscription: t.prismaField({
    type: PackageSubscription,
    description: 'One subscription. `SubscriptionNotFoundError` when there is none with this id.',
    args: { id: t.arg.string({ required: true, description: 'The id of the subscription.' }) },
    resolve: async (query, _root, args, { db, environmentId }) => {
      const id = subscriptionId(args.id);
      const subscription = await db.subscription.findFirst({ ...query, where: { environmentId, id } });
      if (subscription === null) throw subscriptionNotFound(args.id);
      return subscription;
    },
  }),
  subscriptions: t.prismaField({
    type: [PackageSubscription],
    nullable: true,
    description: 'Subscriptions, the oldest first, those that are over included.',
    args: {
      userId: t.arg.string({
        description:
          'Only those of this user; `UserNotFoundError` when there is none. Without it: of all users.',
      }),
      packageId: t.arg.string({
        description: 'Only those to this package; `PackageNotFoundError` when there is none.',
      }),
      ...listArgs,
    },
    resolve: async (query, _root, { userId, packageId, ...page }, { db, environmentId }) => {
      const owner = {
        ...(await ownerOf(db, environmentId, userId)),
        ...(await subjectOf(db, environmentId, packageId)),
      };
      return listPage(
        page,
        async (after) => {
          const id = readSubscriptionId(after);
          return id === null ? null : db.subscription.findFirst({ where: { environmentId, ...owner, id } });
        },
        ({ where, ...rest }) =>
          db.subscription.findMany({ ...query, ...rest, where: { ...where, environmentId, ...owner } }),
      );
    },
  }),
}));

builder.mutationFields((t) => ({
  subscribe: t.prismaField({
    type: [PackageSubscription],
    nullable: { list: false, items: true },
    description:
      'Subscribes a user to all of these packages, or to none. A user has at most one base package; add-ons need one that is live and that they are open to. `UserNotFoundError`, or `SubscriptionError` when a rule is broken.',
    args: {
      packageIds: t.arg.stringList({
        required: true,
        description: 'PUBLISHED packages, each named once, up to 100: at most one base, and any add-ons.',
      }),
      userId: t.arg.string({ required: true, description: 'The id of the user.' }),
    },
    resolve: async (query, _root, args, { db, author }) => {
      const packageIds = parse(PackageIds, args.packageIds, 'packageIds');
      const userId = parse(Id, args.userId, 'userId');
      const ids = await subscribe(db, author, userId, packageIds);
      return db.subscription.findMany({ ...query, where: { id: { in: ids } }, orderBy: { id: 'asc' } });
    },
  }),
  cancelSubscription: t.prismaField({
    type: PackageSubscription,
    description:
      'Cancels a subscription from now on; with a base package its add-ons too. `SubscriptionNotFoundError`, or `SubscriptionError` when it is over already.',
    args: { id: t.arg.string({ required: true, description: 'The id of the subscription.' }) },
    resolve: async (query, _root, args, { db, author }) => {
      const id = subscriptionId(args.id);
      await cancelSubscription(db, author, id);
      return db.subscription.findFirstOrThrow({ ...query, where: { id } });
    },
  }),
  changePackage: t.field({
    type: ChangedPackage,
    description:
      'Swaps the base package of a user for another in one step, from now on. Add-ons that are not open to the new one are cancelled. `UserNotFoundError`, or `SubscriptionError` when a rule is broken.',
    args: {
      userId: t.arg.string({ required: true, description: 'The id of the user, who has a base package.' }),
      packageId: t.arg.string({ required: true, description: 'Another PUBLISHED base package.' }),
    },
    resolve: (_root, args, { db, author }) =>
      changePackage(db, author, parse(Id, args.userId, 'userId'), parse(Id, args.packageId, 'packageId')),
  }),
  generateSubscriptionLink: t.field({
    type: SubscriptionLink,
    description:
      'Always `SubscriptionLinkError`: links come from a billing provider, and none can be configured yet.',
    args: {
      userId: t.arg.string({
        description: 'The id of the user; without it, the one who pays becomes a user.',
      }),
      templateId: t.arg.string({ required: true, description: 'The billing template of a package.' }),
      successUrl: t.arg.string({ required: true, description: 'Where the user goes after paying.' }),
      cancelUrl: t.arg.string({ required: true, description: 'Where the user goes who does not pay.' }),
    },
    resolve: () => {
      throw subscriptionLinkError('Cannot make a subscription link: no billing provider is configured.');
    },
  }),
}));
