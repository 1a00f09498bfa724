import type { Db } from '../database/client.ts';
import type { Prisma } from '../database/generated/client.ts';
import { builder } from '../graphql/builder.ts';
import { listAfter, listArgs } from '../graphql/list.ts';
import { Id, parse } from '../input.ts';
import { requireUserKey } from '../users/store.ts';
import { type Flag, type FlagKind, flagKinds } from './projection-rules.ts';

const descriptions: Record<FlagKind, string> = {
  SEVERAL_USERS:
    'Several users have the email, or the billing id, of this customer: give the billing id to one of them alone.',
  SEVERAL_BASES:
    'The customer pays for several base packages. Only the best one is held: cancel the others at Stripe.',
  SUBSCRIBED_BY_HAND:
    'The user was subscribed here by hand, so what is paid at Stripe is not held: cancel one of the two. Once it is the one here, what is paid is held.',
  SAME_PACKAGE_TWICE:
    'The customer has two subscriptions or payments for the same package: cancel one at Stripe.',
  ADDON_WITHOUT_BASE:
    'The customer pays for an add-on without a base package. It is held, because it was paid: sell a base package too, or cancel it at Stripe.',
  COLLECTION_PAUSED:
    'Stripe collects no payments for this subscription at the moment: resume them there. connectStripe takes withholdAccessWhilePaused.',
  UNKNOWN_STATUS:
    'Stripe gives a status that this version does not know. It gives no access: update the server.',
  REFUNDED: 'The payment was given back. The package stays held: end it with cancelSubscription.',
  DRAFT_PACKAGE: 'The price is mapped to a package that is a draft: publish it, and what is paid is held.',
};

const BillingFlagKind = builder.enumType('BillingFlagKind', {
  description: 'What a person has to look at.',
  values: Object.fromEntries(flagKinds.map((kind) => [kind, { description: descriptions[kind] }])) as Record<
    FlagKind,
    { description: string }
  >,
});

interface BillingFlagShape extends Flag {
  userKey: bigint | null;
  since: Date;
}

const BillingFlag = builder.objectRef<BillingFlagShape>('BillingFlag').implement({
  description: 'Something about a customer at the billing provider that a person has to look at.',
  fields: (t) => ({
    kind: t.expose('kind', { type: BillingFlagKind, description: 'What it is.' }),
    customerId: t.exposeString('customerId', { description: 'The id of the customer at the provider.' }),
    providerId: t.exposeString('providerId', {
      nullable: true,
      description:
        'The id of the subscription or of the payment at the provider; null if it is about the customer.',
    }),
    message: t.string({
      description: 'What it means and what to do.',
      resolve: ({ kind }) => descriptions[kind],
    }),
    since: t.expose('since', { type: 'DateTime', description: 'Since when the customer has flags.' }),
    user: t.prismaField({
      type: 'User',
      nullable: true,
      description: 'The user of the customer; null while nobody could be found.',
      resolve: (query, { userKey }, _args, { db }) =>
        userKey === null ? null : db.user.findUnique({ ...query, where: { key: userKey } }),
    }),
  }),
});

builder.queryFields((t) => ({
  billingFlags: t.field({
    type: [BillingFlag],
    description:
      'What a person has to look at, those that are flagged longest first. `first` and `after` count customers; `after` is the id of a customer. `UserNotFoundError`.',
    args: { userId: t.arg.string({ description: 'Only those of this user.' }), ...listArgs },
    resolve: async (_root, { userId, ...args }, { db, environmentId }) => {
      const ofUser = userId == null ? {} : await whoseUserIs(db, environmentId, parse(Id, userId, 'userId'));
      const customers = await listAfter(
        args,
        (id) =>
          db.stripeCustomer.findFirst({
            where: { environmentId, id, flaggedAt: { not: null } },
            select: { id: true, flaggedAt: true },
          }),
        ({ take, last }) =>
          db.stripeCustomer.findMany({
            where: {
              ...{ environmentId, flaggedAt: { not: null } },
              ...ofUser,
              ...(last === null ? {} : after(last)),
            },
            orderBy: [{ flaggedAt: 'asc' }, { id: 'asc' }],
            take,
          }),
      );
      const keys = customers.flatMap(({ userKey }) => userKey ?? []);
      const users = await db.user.findMany({
        where: { key: { in: keys } },
        select: { key: true, mergedInto: true },
      });
      const survivors = new Map(users.map(({ key, mergedInto }) => [key, mergedInto ?? key]));
      return customers.flatMap(({ flags, userKey, flaggedAt }) =>
        (flags as unknown as Flag[]).map((flag) => ({
          ...flag,
          userKey: (userKey !== null && survivors.get(userKey)) || null,
          since: flaggedAt ?? new Date(0),
        })),
      );
    },
  }),
}));

/** The customers of a user, those of merged users too. */
async function whoseUserIs(
  db: Db,
  environmentId: string,
  userId: string,
): Promise<Prisma.StripeCustomerWhereInput> {
  const key = await requireUserKey(db, environmentId, userId);
  const users = await db.user.findMany({
    where: { OR: [{ key }, { mergedInto: key }] },
    select: { key: true },
  });
  return { userKey: { in: users.map((user) => user.key) } };
}

/** The customers after this one, in the order of flags. */
const after = ({
  id,
  flaggedAt,
}: {
  id: string;
  flaggedAt: Date | null;
}): Prisma.StripeCustomerWhereInput => {
  const at = flaggedAt ?? new Date(0);
  return { OR: [{ flaggedAt: { gt: at } }, { flaggedAt: at, id: { gt: id } }] };
};
