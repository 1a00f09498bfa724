import type { StripeConnection as ConnectionRow } from '../database/generated/client.ts';
import { builder } from '../graphql/builder.ts';
import { listArgs, listPage } from '../graphql/list.ts';
import { Id, parse } from '../input.ts';
import { PackageSubscription } from '../subscriptions/graphql.ts';
import { ConnectStripe, findConnection } from './connection.ts';
import { type FormerConnection, findFormerConnection } from './disconnect.ts';
import { startImport } from './import-start.ts';
import { countHeld } from './leave-store.ts';
import { NewPrice } from './price-rules.ts';
import { createPrice, mapPrice } from './prices.ts';

const StripeImportState = builder.enumType('StripeImportState', {
  description: 'The state of an import from Stripe.',
  values: {
    RUNNING: { description: 'It runs in the background.' },
    DONE: { description: 'Everything was read.' },
    FAILED: {
      description: 'It ended early; `problem` says why. A new import goes through everything again.',
    },
  } as const,
});

const StripeImport = builder.objectRef<ConnectionRow>('StripeImport').implement({
  description: 'The progress of an import of prices, customers and subscriptions from Stripe.',
  fields: (t) => ({
    state: t.field({
      type: StripeImportState,
      nullable: true,
      description: 'The state. Null: nothing was imported yet.',
      resolve: ({ importState }) => importState,
    }),
    startedAt: t.expose('importStartedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it began.',
    }),
    endedAt: t.expose('importEndedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
    total: t.exposeInt('importTotal', {
      nullable: true,
      description: 'How many customers there are at Stripe. Null while they are counted.',
    }),
    prices: t.exposeInt('importedPrices', { description: 'How many prices were read.' }),
    customers: t.exposeInt('importedCustomers', { description: 'How many customers were read.' }),
    subscriptions: t.exposeInt('importedSubscriptions', {
      description: 'How many subscriptions these customers have or had.',
    }),
    problem: t.exposeString('importProblem', { nullable: true, description: 'Why it failed, in short.' }),
  }),
});

const StripeConnection = builder.objectRef<ConnectionRow>('StripeConnection').implement({
  description: 'The account of Stripe that this environment bills with. Its keys are never shown.',
  fields: (t) => ({
    accountId: t.exposeString('accountId', { description: 'The id of the account at Stripe.' }),
    connectedAt: t.expose('connectedAt', { type: 'DateTime', description: 'When it was connected.' }),
    withholdAccessWhilePaused: t.exposeBoolean('withholdsPaused', {
      description: 'Whether a subscription whose payments are paused gives no access.',
    }),
    reconciledAt: t.expose('reconciledAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the server last looked at Stripe for what the webhook did not bring. It does every hour.',
    }),
    problem: t.exposeString('problem', {
      nullable: true,
      description:
        'Why Stripe could not be asked last, in short, such as "StripeAuthenticationError, 401" for a key that was revoked. Null once it has answered. What happened at Stripe meanwhile is followed then.',
    }),
    problemSince: t.expose('problemSince', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when Stripe cannot be asked.',
    }),
    import: t.field({
      type: StripeImport,
      description: 'The last import, or the running one.',
      resolve: (row) => row,
    }),
  }),
});

const FormerStripeConnection = builder.objectRef<FormerConnection>('FormerStripeConnection').implement({
  description:
    'An account of Stripe that this environment billed with, and that it can be connected with again.',
  fields: (t) => ({
    accountId: t.exposeString('accountId', { description: 'The id of the account at Stripe.' }),
    disconnectedAt: t.expose('disconnectedAt', {
      type: 'DateTime',
      description: 'When it was disconnected.',
    }),
    heldSubscriptions: t.int({
      description:
        'How many subscriptions are still held by it, as Stripe said last. `cancelSubscription` ends one here only.',
      resolve: (_row, _args, { db, environmentId }) => countHeld(db, environmentId),
    }),
  }),
});

const ConnectStripeInput = builder.inputType('ConnectStripeInput', {
  description: 'How to reach an account of Stripe.',
  fields: (t) => ({
    secretKey: t.string({
      required: true,
      description:
        'A secret or restricted key of the mode of this environment: sk_test_… in test, sk_live_… in live.',
    }),
    webhookSecret: t.string({
      required: true,
      description:
        'The signing secret of the webhook endpoint at Stripe, whsec_…. The former one stays valid too.',
    }),
    withholdAccessWhilePaused: t.boolean({
      description:
        'Whether a subscription whose payments are paused gives no access. Default: false, as at Stripe.',
    }),
  }),
});

export const ProviderPrice = builder.prismaObject('StripePrice', {
  name: 'ProviderPrice',
  description: 'A price at the billing provider, and the package that it pays for.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'The id at the provider.' }),
    productId: t.exposeString('productId', { description: 'The id of the product at the provider.' }),
    productName: t.exposeString('productName', { nullable: true, description: 'The name of the product.' }),
    isActive: t.exposeBoolean('isActive', { description: 'Whether it can still be bought.' }),
    amount: t.field({
      type: 'Float',
      nullable: true,
      description: 'In minor units: 5000 is 50.00 pounds. Null for tiered and custom prices.',
      select: { amount: true },
      resolve: ({ amount }) => (amount === null ? null : Number(amount)),
    }),
    currency: t.exposeString('currency', { description: 'The ISO 4217 code in lower case, such as "gbp".' }),
    currencies: t.exposeStringList('currencies', {
      description: 'All currencies in which it is sold, its own included. Empty until it is read again.',
    }),
    interval: t.exposeString('interval', {
      nullable: true,
      description: 'The billing interval, such as "month". Null for a one-time price.',
    }),
    intervalCount: t.exposeInt('intervalCount', {
      nullable: true,
      description: 'How many intervals are between two bills. Null for a one-time price.',
    }),
    isMetered: t.exposeBoolean('isMetered', {
      description: 'Whether it bills the usage that is sent to a meter. Then `amount` is for each unit.',
    }),
    package: t.relation('package', {
      nullable: true,
      description:
        'The package that it pays for. Null until it is mapped: then who pays it has nothing by it.',
    }),
  }),
});

const ProviderPriceInput = builder.inputType('ProviderPriceInput', {
  description: 'A product with one price that is made at the billing provider.',
  fields: (t) => ({
    productName: t.string({
      required: true,
      description: 'The name of the product, which customers see on bills.',
    }),
    amount: t.int({ required: true, description: 'In minor units: 5000 is 50.00 pounds.' }),
    currency: t.string({ required: true, description: 'The ISO 4217 code, such as "gbp".' }),
    interval: t.string({
      description: 'The billing interval: "day", "week", "month" or "year". Without it, paid once.',
    }),
  }),
});

builder.prismaObjectFields(PackageSubscription, (t) => ({
  provider: t.exposeString('provider', {
    nullable: true,
    description: 'The billing provider that decides on it, such as "STRIPE". Null: it was subscribed here.',
  }),
  providerStatus: t.exposeString('providerStatus', {
    nullable: true,
    description: 'The status in the provider\'s words, such as "past_due" or "paused".',
  }),
  providerSubscriptionId: t.exposeString('providerSubscriptionId', {
    nullable: true,
    description: 'The id of the subscription at the provider. Null for a package that was paid once.',
  }),
}));

builder.queryFields((t) => ({
  stripeConnection: t.field({
    type: StripeConnection,
    nullable: true,
    description: 'The connection of this environment with Stripe. Null if it is not connected.',
    resolve: (_root, _args, { db, environmentId }) => findConnection(db, environmentId),
  }),
  formerStripeConnection: t.field({
    type: FormerStripeConnection,
    nullable: true,
    description:
      'The connection that this environment had with Stripe. Null while it is connected, and if it never was.',
    resolve: (_root, _args, { db, environmentId }) => findFormerConnection(db, environmentId),
  }),
  providerPrices: t.prismaField({
    type: [ProviderPrice],
    description: 'The prices at the billing provider, oldest first, as they were last read.',
    args: {
      mapped: t.arg.boolean({
        description: 'Only those that are mapped to a package, or only those that are not.',
      }),
      packageId: t.arg.string({ description: 'Only those that are mapped to this package.' }),
      ...listArgs,
    },
    resolve: (query, _root, { mapped, packageId, ...args }, { db, environmentId }) =>
      listPage(
        args,
        (id) => db.stripePrice.findUnique({ where: { environmentId_id: { environmentId, id } } }),
        ({ take, where, orderBy }) =>
          db.stripePrice.findMany({
            ...query,
            take,
            orderBy,
            where: {
              ...where,
              environmentId,
              AND: [
                mapped == null ? {} : { packageId: mapped ? { not: null } : null },
                packageId == null ? {} : { packageId },
              ],
            },
          }),
      ),
  }),
}));

builder.mutationFields((t) => ({
  connectStripe: t.field({
    type: StripeConnection,
    description:
      'Connects this environment with an account of Stripe, after asking Stripe whether the key may do what is needed. Again with another webhook secret: both are valid then, for a rotation.',
    args: { input: t.arg({ type: ConnectStripeInput, required: true, description: 'Keys and secrets.' }) },
    resolve: async (_root, { input }, { db, environmentId, author, billing }) => {
      await billing.connect(author, parse(ConnectStripe, input, 'input'));
      return db.stripeConnection.findUniqueOrThrow({ where: { environmentId } });
    },
  }),
  disconnectStripe: t.field({
    type: FormerStripeConnection,
    description:
      'Ends the connection with Stripe and deletes its keys. Nobody loses access: what is held by it stays as Stripe said last, and is no longer followed. Prices, templates and meters stay too, and connecting the same account again goes on where it was. `StripeNotConnectedError`, or `StripeConfiguredError` while environment variables connect it.',
    resolve: (_root, _args, { author, billing }) => billing.disconnect(author),
  }),
  importStripe: t.field({
    type: StripeConnection,
    description:
      'Starts to read prices, customers and subscriptions from Stripe, in the background. It can be repeated without harm. `StripeNotConnectedError` without a connection.',
    resolve: async (_root, _args, { db, environmentId, author }) => {
      await startImport(db, author);
      return db.stripeConnection.findUniqueOrThrow({ where: { environmentId } });
    },
  }),
  createProviderPrice: t.prismaField({
    type: ProviderPrice,
    description:
      'Makes a product with one price at the billing provider. Who pays it holds the package. `StripeNotConnectedError`, `PackageNotFoundError`, or `ProviderPriceError` with the reason of the provider; then nothing was made.',
    args: {
      packageId: t.arg.string({ required: true, description: 'The id of the package.' }),
      input: t.arg({ type: ProviderPriceInput, required: true, description: 'What it costs.' }),
    },
    resolve: async (query, _root, args, { db, environmentId, author, billing }) => {
      const packageId = parse(Id, args.packageId, 'packageId');
      const input = parse(NewPrice, args.input, 'input');
      const id = await createPrice(db, billing.open, author, packageId, input);
      return db.stripePrice.findUniqueOrThrow({
        ...query,
        where: { environmentId_id: { environmentId, id } },
      });
    },
  }),
  mapPrice: t.prismaField({
    type: ProviderPrice,
    description:
      'Says which package a price at the billing provider pays for. Who pays it holds the package, known subscriptions included. A mapping is final. `PriceNotFoundError`, `PackageNotFoundError`, or `PriceMappedError` if it is mapped to another package.',
    args: {
      priceId: t.arg.string({ required: true, description: 'The id of the price at the provider.' }),
      packageId: t.arg.string({ required: true, description: 'The id of the package.' }),
    },
    resolve: async (query, _root, args, { db, environmentId, author }) => {
      const id = parse(Id, args.priceId, 'priceId');
      await mapPrice(db, author, id, parse(Id, args.packageId, 'packageId'));
      return db.stripePrice.findUniqueOrThrow({
        ...query,
        where: { environmentId_id: { environmentId, id } },
      });
    },
  }),
}));
