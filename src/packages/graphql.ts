import type {
  Feature as FeatureRow,
  PackageFeature as PackageFeatureRow,
  PrismaClient,
} from '../database/generated/client.ts';
import { packageNotFound } from '../errors.ts';
import { Feature, FeatureType } from '../features/graphql.ts';
import { builder } from '../graphql/builder.ts';
import { listArgs, listPage } from '../graphql/list.ts';
import { selects } from '../graphql/selection.ts';
import { Id, parse } from '../input.ts';
import { contentsOf, linkedPackages, pricesOf } from './lists-graphql.ts';
import { displayAmount, packageFeatureKey, StatusFilter } from './rules.ts';

const PackageStatus = builder.enumType('PackageStatus', {
  description: 'The status of a package.',
  values: {
    ARCHIVED: { description: 'Nobody can subscribe to it any more. Current subscribers keep it.' },
    DRAFT: { description: 'It can be changed. Nobody can subscribe to it yet.' },
    PUBLISHED: { description: 'Users can subscribe to it. Its features no longer change.' },
    ALL: { description: 'Every status. Only a filter; no package has it.' },
  } as const,
});

export const ResetPeriod = builder.enumType('ResetPeriod', {
  description: 'How often usage resets to zero, counted from the start of the subscription.',
  values: {
    YEAR: { description: 'Every year.' },
    MONTH: { description: 'Every month.' },
    DAY: { description: 'Every 24 hours.' },
  } as const,
});

/** A feature in a package, with the selected fields of the feature itself. */
interface Content extends PackageFeatureRow {
  feature?: (Pick<FeatureRow, 'type' | 'unitLabel' | 'unitLabelPlural'> & { metadata?: unknown }) | undefined;
}

function factsOf({ featureId, feature }: Content) {
  if (feature === undefined) throw new Error(`the feature "${featureId}" was not read`);
  return feature;
}

const PackageFeature = builder.objectRef<Content>('PackageFeature').implement({
  description: 'A feature as one package contains it.',
  fields: (t) => ({
    id: t.exposeString('featureId', {
      description: 'The id of the feature. Several packages may have it: `key` tells them apart.',
    }),
    key: t.string({
      description:
        'Names this package and this feature: what a normalizing cache keeps this object under. Opaque.',
      resolve: ({ packageId, featureId }) => packageFeatureKey(packageId, featureId),
    }),
    name: t.exposeString('name', {
      description: 'The name in this package: the name that the feature had when it was added.',
    }),
    type: t.field({
      type: FeatureType,
      description: 'The type of the feature.',
      resolve: (content) => factsOf(content).type,
    }),
    limit: t.exposeInt('limit', {
      nullable: true,
      description: 'The limit for one period. Null is unlimited. Null for BINARY features.',
    }),
    resetPeriod: t.expose('resetPeriod', {
      type: ResetPeriod,
      nullable: true,
      description: 'How often usage resets to zero. Null is never. Null for BINARY features.',
    }),
    overageEnabled: t.exposeBoolean('overageEnabled', {
      description: 'Whether usage beyond the limit is allowed.',
    }),
    unitLabel: t.string({
      nullable: true,
      description: 'The unit, singular. Only for CONSUMABLE features.',
      resolve: (content) => factsOf(content).unitLabel,
    }),
    unitLabelPlural: t.string({
      nullable: true,
      description: 'The unit, plural. Only for CONSUMABLE features.',
      resolve: (content) => factsOf(content).unitLabelPlural,
    }),
    metadata: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The metadata of the feature.',
      resolve: (content) => factsOf(content).metadata,
    }),
  }),
});

const PackagePrice = builder.prismaObject('PackagePrice', {
  description: 'The price of a package at a billing provider.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'The id of the price at the billing provider.' }),
    provider: t.exposeString('provider', { description: 'The billing provider, such as "STRIPE".' }),
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

export const Package = builder.prismaObject('Package', {
  description: 'A set of features that is sold together: a plan (base package) or an add-on.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'Chosen by the company, unique in the environment.' }),
    name: t.exposeString('name', { description: 'The display name.' }),
    isAddon: t.exposeBoolean('isAddon', {
      description:
        'Whether it is an add-on. An add-on needs a base package; a user has at most one base package.',
    }),
    status: t.expose('status', { type: PackageStatus, description: 'DRAFT, PUBLISHED or ARCHIVED.' }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description:
        'The time of the last change, including changes of its features, base packages and prices.',
    }),
    features: t.field({
      type: [PackageFeature],
      description: 'The features, in the given order.',
      resolve: ({ id }, _args, context, info) =>
        contentsOf(context, info, id, async (where) => {
          const isAsked = ['type', 'unitLabel', 'unitLabelPlural', 'metadata'].some((name) =>
            selects(info, name),
          );
          const select = { id: true, type: true, unitLabel: true, unitLabelPlural: true };
          const metadata = selects(info, 'metadata');
          return isAsked ? context.db.feature.findMany({ where, select: { ...select, metadata } }) : [];
        }),
    }),
    prices: t.field({
      type: [PackagePrice],
      description: 'The prices, oldest first.',
      resolve: ({ id }, _args, context, info) => pricesOf(context, info, id),
    }),
    metadata: t.expose('metadata', {
      type: 'JSON',
      nullable: true,
      description: 'An object of your own, at most 16 KiB.',
    }),
  }),
});

// Declared separately because these fields refer to the type itself.
builder.prismaObjectFields(Package, (t) => ({
  basePackages: t.field({
    type: [Package],
    description: 'The base packages that this add-on is available with. Empty means every base package.',
    resolve: ({ id }, _args, context, info) =>
      linkedPackages(context, info, id, async (ownerIds, take) => {
        const where = { environmentId: context.environmentId, addonId: { in: ownerIds } };
        const links = await context.db.packageBase.findMany({ where, take });
        return links.map(({ addonId, baseId }) => ({ ownerId: addonId, packageId: baseId }));
      }),
  }),
  addons: t.field({
    type: [Package],
    description: 'The add-ons that name this package among their base packages.',
    resolve: ({ id }, _args, context, info) =>
      linkedPackages(context, info, id, async (ownerIds, take) => {
        const where = { environmentId: context.environmentId, baseId: { in: ownerIds } };
        const links = await context.db.packageBase.findMany({ where, take });
        return links.map(({ addonId, baseId }) => ({ ownerId: baseId, packageId: addonId }));
      }),
  }),
}));

builder.prismaObjectField(Feature, 'packages', (t) =>
  t.field({
    type: [Package],
    description: 'The packages that contain this feature, in any status, oldest first.',
    resolve: ({ id }, _args, context, info) =>
      linkedPackages(context, info, id, async (ownerIds, take) => {
        const where = { environmentId: context.environmentId, featureId: { in: ownerIds } };
        const select = { featureId: true, packageId: true };
        const links = await context.db.packageFeature.findMany({ where, select, take });
        return links.map(({ featureId, packageId }) => ({ ownerId: featureId, packageId }));
      }),
  }),
);

/**
 * The package with this id in this environment.
 *
 * @param query the client's selection
 * @throws PackageNotFoundError
 */
export async function findPackage(db: PrismaClient, query: object, environmentId: string, id: string) {
  const found = await db.package.findUnique({ ...query, where: { environmentId_id: { environmentId, id } } });
  if (found === null) throw packageNotFound(id);
  return found;
}

const includeFeatures = 'Ignored; accepted for older clients. Select `features` instead.';

builder.queryFields((t) => ({
  package: t.prismaField({
    type: Package,
    description: 'One package, in any status. `PackageNotFoundError` if the id is unknown.',
    args: {
      id: t.arg.string({ required: true, description: 'The id of the package.' }),
      includeFeatures: t.arg.boolean({ description: includeFeatures }),
    },
    resolve: (query, _root, args, { db, environmentId }) =>
      findPackage(db, query, environmentId, parse(Id, args.id, 'id')),
  }),
  packages: t.prismaField({
    type: [Package],
    description: 'The packages with one status, oldest first.',
    args: {
      status: t.arg.string({
        description: 'The name of a PackageStatus. Default PUBLISHED; ALL means every status.',
      }),
      includeFeatures: t.arg.boolean({ description: includeFeatures }),
      ...listArgs,
    },
    resolve: (query, _root, args, { db, environmentId }) => {
      const status = parse(StatusFilter, args.status, 'status');
      return listPage(
        args,
        (id) => db.package.findUnique({ where: { environmentId_id: { environmentId, id } } }),
        ({ where, ...page }) =>
          db.package.findMany({
            ...query,
            ...page,
            where: { ...where, environmentId, ...(status === 'ALL' ? {} : { status }) },
          }),
      );
    },
  }),
}));
