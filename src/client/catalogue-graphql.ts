import { amountOrNull } from '../amount.ts';
import type {
  Feature as FeatureRow,
  PackageFeature as PackageFeatureRow,
} from '../database/generated/client.ts';
import { Prisma } from '../database/generated/client.ts';
import { listPage } from '../graphql/list.ts';
import { contentsOf, pricesOf } from '../packages/lists-graphql.ts';
import { displayAmount, shownAs, shownVersion } from '../packages/rules.ts';
import { builder } from './builder.ts';
import { FeatureType, Package } from './graphql.ts';

/* What can be had: the published packages, with their limits and prices. */

const ResetPeriod = builder.enumType('ResetPeriod', {
  description: 'How often usage resets to zero.',
  values: {
    YEAR: { description: 'Every year.' },
    QUARTER: { description: 'Every three months.' },
    MONTH: { description: 'Every month.' },
    WEEK: { description: 'Every seven days.' },
    DAY: { description: 'Every day.' },
    HOUR: { description: 'Every hour.' },
  } as const,
});

interface Content extends PackageFeatureRow {
  feature: FeatureRow;
}

const PackageFeature = builder.objectRef<Content>('PackageFeature').implement({
  description: 'What a package gives of a feature.',
  fields: (t) => ({
    featureId: t.exposeString('featureId', { description: 'The id of the feature.' }),
    name: t.exposeString('name', { description: 'The display name in this package.' }),
    type: t.field({
      type: FeatureType,
      description: 'BINARY or CONSUMABLE.',
      resolve: ({ feature }) => feature.type,
    }),
    unitLabel: t.string({
      nullable: true,
      description: 'The unit, singular.',
      resolve: ({ feature }) => feature.unitLabel,
    }),
    unitLabelPlural: t.string({
      nullable: true,
      description: 'The unit, plural.',
      resolve: ({ feature }) => feature.unitLabelPlural,
    }),
    metadata: t.field({
      type: 'JSON',
      nullable: true,
      description: 'A JSON object set by the company.',
      resolve: ({ feature }) => feature.metadata,
    }),
    limit: t.field({
      type: 'Amount',
      nullable: true,
      description: 'The limit for one period. Null is unlimited, and for a BINARY feature.',
      resolve: ({ limit }) => amountOrNull(limit),
    }),
    resetPeriod: t.expose('resetPeriod', {
      type: ResetPeriod,
      nullable: true,
      description: 'How often usage resets to zero. Null is never.',
    }),
    resetEvery: t.exposeInt('resetEvery', { description: 'How many of these periods one window lasts.' }),
    overageEnabled: t.exposeBoolean('overageEnabled', {
      description: 'Whether usage beyond the limit is allowed.',
    }),
  }),
});

const PackagePrice = builder.prismaObject('PackagePrice', {
  description: 'What a package costs.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'The id of the price at the billing provider.' }),
    amount: t.exposeInt('amount', { description: 'In minor units: 5000 is 50.00 pounds.' }),
    displayAmount: t.string({
      description: 'The amount in major units, such as "50.00".',
      resolve: ({ amount, currency }) => displayAmount(amount, currency),
    }),
    currency: t.exposeString('currency', { description: 'The ISO 4217 code in lower case, such as "gbp".' }),
    interval: t.exposeString('interval', {
      nullable: true,
      description: 'The billing interval, such as "month". Null for a one-time price.',
    }),
  }),
});

builder.prismaObjectFields(Package, (t) => ({
  version: t.int({ description: 'The version of the package.', resolve: shownVersion }),
  prices: t.field({
    type: [PackagePrice],
    description: 'What it costs, oldest price first.',
    resolve: (row, _args, context, info) => pricesOf(context, info, shownAs(row)),
  }),
  packageFeatures: t.field({
    type: [PackageFeature],
    description: 'What it gives of each feature, in the order of the package.',
    resolve: async (row, _args, context, info) => {
      const contents = await contentsOf(context, info, shownAs(row), (where) =>
        context.db.feature.findMany({ where }),
      );
      return contents.flatMap(({ feature, ...content }) =>
        feature === undefined ? [] : { ...content, feature },
      );
    },
  }),
}));

/** Packages of which a company says in their metadata that they are no part of the offer. */
const hidden = { metadata: { path: ['hidden'], equals: true } };
/** In SQL, what is not there is not unequal either. */
const unsaid = { metadata: { path: ['hidden'], equals: Prisma.AnyNull } };

builder.queryField('packages', (t) =>
  t.prismaField({
    type: [Package],
    description:
      'The published packages, oldest first, without those whose metadata has `hidden: true`. They are the same for every user.',
    args: {
      first: t.arg.int({ description: 'The maximum number of items, up to 1000. Without it: all items.' }),
      after: t.arg.string({ description: 'Returns the items after the item with this id.' }),
    },
    resolve: (query, _root, args, { db, environmentId }) =>
      listPage(
        args,
        (id) => db.package.findUnique({ where: { environmentId_id: { environmentId, id } } }),
        ({ where, ...page }) =>
          db.package.findMany({
            ...query,
            ...page,
            where: { ...where, environmentId, status: 'PUBLISHED', AND: { OR: [unsaid, { NOT: hidden }] } },
          }),
      ),
  }),
);
