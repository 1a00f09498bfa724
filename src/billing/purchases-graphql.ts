import { builder } from '../graphql/builder.ts';
import { listAfter, listArgs } from '../graphql/list.ts';
import { Id, parse } from '../input.ts';
import { requireUserKey } from '../users/store.ts';
import { ProviderPrice } from './graphql.ts';
import type { MirroredSubscription } from './mirror-rules.ts';
import { findPurchases, type Purchases } from './purchases-store.ts';

type ItemShape = Pick<MirroredSubscription['items'][number], 'priceId' | 'quantity' | 'periodEndsAt'>;

interface PurchaseShape extends Omit<MirroredSubscription, 'items'> {
  customerId: string;
  userKey: bigint | null;
  isPaidOnce: boolean;
  items: ItemShape[];
}

/** Everything that a customer bought: subscriptions first, then what was paid once. */
function purchasesOf({ customerId, userKey, subscriptions, payments }: Purchases): PurchaseShape[] {
  return [
    ...subscriptions.map((each) => ({ ...each, customerId, userKey, isPaidOnce: false })),
    ...payments.map(({ id, priceIds, paidAt, isRefunded }) => ({
      ...{ id, customerId, userKey, isPaidOnce: true, status: isRefunded ? 'refunded' : 'paid' },
      ...{ startedAt: paidAt, endedAt: null, cancelsAt: null, trialEnd: null, isCollectionPaused: false },
      items: priceIds.map((priceId) => ({ priceId, quantity: 1, periodEndsAt: null })),
    })),
  ];
}

const ProviderSubscriptionItem = builder.objectRef<ItemShape>('ProviderSubscriptionItem').implement({
  description: 'What is paid for by a subscription at the billing provider.',
  fields: (t) => ({
    priceId: t.exposeString('priceId', { description: 'The id of the price at the provider.' }),
    quantity: t.exposeFloat('quantity', {
      description: 'How many are paid. Limits are not multiplied by it.',
    }),
    periodEndsAt: t.expose('periodEndsAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The end of the billing period, as it was last read. Null for what was paid once.',
    }),
    price: t.field({
      type: ProviderPrice,
      nullable: true,
      description: 'The price, with the package that it pays for. Null if it was not read yet.',
      resolve: ({ priceId }, _args, { db, environmentId }) =>
        db.stripePrice.findUnique({ where: { environmentId_id: { environmentId, id: priceId } } }),
    }),
  }),
});

const ProviderSubscription = builder.objectRef<PurchaseShape>('ProviderSubscription').implement({
  description:
    'A subscription at the billing provider, or something that was paid there once, as it was last read. What users hold by it is in `subscriptions`.',
  fields: (t) => ({
    id: t.exposeString('id', {
      description: 'The id of the subscription or of the payment at the provider.',
    }),
    customerId: t.exposeString('customerId', { description: 'The id of the customer at the provider.' }),
    isPaidOnce: t.exposeBoolean('isPaidOnce', {
      description: 'Whether it was paid once, without a subscription.',
    }),
    status: t.exposeString('status', {
      description: 'The status in the words of the provider, or "paid" or "refunded" for what was paid once.',
    }),
    isCollectionPaused: t.exposeBoolean('isCollectionPaused', {
      description: 'Whether the provider collects no payments for it at the moment.',
    }),
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When it began, or was paid.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
    cancelsAt: t.expose('cancelsAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it will end, if that is planned.',
    }),
    items: t.field({
      type: [ProviderSubscriptionItem],
      description: 'What is paid for by it.',
      resolve: ({ items }) => items,
    }),
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
  providerSubscriptions: t.field({
    type: [ProviderSubscription],
    description:
      'Everything that customers bought at the billing provider, by the ids of customers. `first` and `after` count customers; `after` is the id of a customer. `UserNotFoundError`.',
    args: {
      unmapped: t.arg.boolean({
        description: 'Only customers who pay a price that is mapped to no package, or only the others.',
      }),
      userId: t.arg.string({ description: 'Only what this user bought.' }),
      ...listArgs,
    },
    resolve: async (_root, { unmapped, userId, ...args }, { db, environmentId }) => {
      const id = parse(Id.nullish(), userId, 'userId') ?? null;
      const userKey = id === null ? null : await requireUserKey(db, environmentId, id);
      const customers = await listAfter(
        args,
        (customerId) =>
          db.stripeCustomer.findUnique({
            where: { environmentId_id: { environmentId, id: customerId } },
            select: { id: true },
          }),
        ({ take, last }) =>
          findPurchases(
            db,
            environmentId,
            { isUnmapped: unmapped ?? null, userKey },
            { take, after: last?.id ?? '' },
          ),
      );
      return customers.flatMap(purchasesOf);
    },
  }),
}));
