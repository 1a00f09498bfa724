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
import { displayAmount, StatusFilter } from './rules.ts';

const PackageStatus = builder.enumType('PackageStatus', {
  description: 'Where a package is in its life.',
  values: {
    ARCHIVED: { description: 'Cannot be subscribed any more, and never again. Its subscribers keep it.' },
    DRAFT: { description: 'Can be changed; cannot be subscribed yet.' },
    PUBLISHED: { description: 'Can be subscribed; what it contains no longer changes.' },
    ALL: { description: 'Every status. Only for filtering: no package has it.' },
  } as const,
});

export const ResetPeriod = builder.enumType('ResetPeriod', {
  description: 'After which time usage counts from zero again, from the moment the user subscribed on.',
  values: {
    YEAR: { description: 'Every year.' },
    MONTH: { description: 'Every month.' },
    DAY: { description: 'Every 24 hours.' },
  } as const,
});

/** A feature as a package has it; of the feature itself, what is asked for. */
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
    id: t.exposeString('featureId', { description: 'The id of the feature.' }),
    name: t.exposeString('name', {
      description: 'What it is called in this package: the name that the feature had when it joined.',
    }),
    type: t.field({
      type: FeatureType,
      description: 'The type of the feature.',
      resolve: (content) => factsOf(content).type,
    }),
    limit: t.exposeInt('limit', {
      nullable: true,
      description: 'How much may be used in one period; null is unlimited. Null for BINARY features.',
    }),
    resetPeriod: t.expose('resetPeriod', {
      type: ResetPeriod,
      nullable: true,
      description: 'After which time usage counts from zero again; null is never. Null for BINARY features.',
    }),
    overageEnabled: t.exposeBoolean('overageEnabled', {
      description: 'Whether more than the limit may be used.',
    }),
    unitLabel: t.string({
      nullable: true,
      description: 'What one of it is called. Only for CONSUMABLE features.',
      resolve: (content) => factsOf(content).unitLabel,
    }),
    unitLabelPlural: t.string({
      nullable: true,
      description: 'What several of it are called. Only for CONSUMABLE features.',
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
  description: 'What a package costs at a billing provider.',
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
      description: 'How often it is charged, such as "month"; null for once.',
    }),
  }),
});

export const Package = builder.prismaObject('Package', {
  description: 'Features that are sold together: a plan (a base package), or an add-on to plans.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'Chosen by the company, unique in the environment.' }),
    name: t.exposeString('name', { description: 'What people call it.' }),
    isAddon: t.exposeBoolean('isAddon', {
      description: 'An add-on needs a base package; a user has one base package at most.',
    }),
    status: t.expose('status', { type: PackageStatus, description: 'DRAFT, PUBLISHED or ARCHIVED.' }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description: 'When it last changed, its features, base packages and prices included.',
    }),
    features: t.field({
      type: [PackageFeature],
      description: 'What it contains, in the order it was given.',
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
      description: 'What it costs, the oldest price first.',
      resolve: ({ id }, _args, context, info) => pricesOf(context, info, id),
    }),
    metadata: t.expose('metadata', {
      type: 'JSON',
      nullable: true,
      description: 'An object of your own, at most 16 KiB.',
    }),
  }),
});

// Apart from the others, because these fields refer to the type itself.
builder.prismaObjectFields(Package, (t) => ({
  basePackages: t.field({
    type: [Package],
    description:
      'The base packages whose subscribers an add-on is open to. None: the subscribers of every one.',
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
    description: 'The packages that contain this feature, of every status, the oldest first.',
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
 * @param query what the client selected of it
 * @throws PackageNotFoundError
 */
export async function findPackage(db: PrismaClient, query: object, environmentId: string, id: string) {
  const found = await db.package.findUnique({ ...query, where: { environmentId_id: { environmentId, id } } });
  if (found === null) throw packageNotFound(id);
  return found;
}

const includeFeatures = 'Accepted from older clients and ignored: select `features` or do not.';

builder.queryFields((t) => ({
  package: t.prismaField({
    type: Package,
    description: 'One package, of any status. `PackageNotFoundError` when there is none with this id.',
    args: {
      id: t.arg.string({ required: true, description: 'The id of the package.' }),
      includeFeatures: t.arg.boolean({ description: includeFeatures }),
    },
    resolve: (query, _root, args, { db, environmentId }) =>
      findPackage(db, query, environmentId, parse(Id, args.id, 'id')),
  }),
  packages: t.prismaField({
    type: [Package],
    description: 'All packages of one status, the oldest first.',
    args: {
      status: t.arg.string({
        description: 'The name of a PackageStatus. Without it PUBLISHED; ALL is every status.',
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
