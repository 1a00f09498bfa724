import { amountOf, amountOrNull } from '../amount.ts';
import type {
  Feature as FeatureRow,
  PackageFeature as PackageFeatureRow,
  PrismaClient,
} from '../database/generated/client.ts';
import { settledUntil } from '../database/settled.ts';
import { invalidInput, packageNotFound, packageVersionNotFound } from '../errors.ts';
import { Feature, FeatureType } from '../features/graphql.ts';
import { builder } from '../graphql/builder.ts';
import { listArgs, listPage } from '../graphql/list.ts';
import { selects } from '../graphql/selection.ts';
import { Id, parse } from '../input.ts';
import { findLinks } from './links-store.ts';
import { addonsOf, contentsOf, linkedPackages, ownerOf, pricesOf } from './lists-graphql.ts';
import { PackagePrice } from './price-graphql.ts';
import { ResetAnchor, ResetPeriod } from './reset-graphql.ts';
import { resetAnchorOf } from './reset-rules.ts';
import {
  atVersion,
  packageFeatureKey,
  packageKey,
  StatusFilter,
  shownAs,
  shownVersion,
  statusOf,
  Version,
  type Versions,
  versionsOf,
} from './rules.ts';

const PackageStatus = builder.enumType('PackageStatus', {
  description: 'The status of a package.',
  values: {
    ARCHIVED: { description: 'Nobody can subscribe to it any more. Current subscribers keep it.' },
    DRAFT: { description: 'It can be changed. Nobody can subscribe to it yet.' },
    PUBLISHED: {
      description: 'Users can subscribe to it. Its features no longer change: others are a new version.',
    },
    ALL: { description: 'Every status. Only a filter; no package has it.' },
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
        'Names this version of the package and this feature: what a normalizing cache keeps this object under. Opaque.',
      resolve: ({ packageId, version, featureId }) => packageFeatureKey(packageId, version, featureId),
    }),
    name: t.exposeString('name', {
      description: 'The name in this package: the name that the feature had when it was added.',
    }),
    type: t.field({
      type: FeatureType,
      description: 'The type of the feature.',
      resolve: (content) => factsOf(content).type,
    }),
    limit: t.field({
      type: 'Amount',
      nullable: true,
      description: 'The limit for one period. Null is unlimited. Null for BINARY features.',
      resolve: ({ limit }) => amountOrNull(limit),
    }),
    resetPeriod: t.expose('resetPeriod', {
      type: ResetPeriod,
      nullable: true,
      description: 'How often usage resets to zero. Null is never. Null for BINARY features.',
    }),
    resetEvery: t.exposeInt('resetEvery', {
      description: 'How many of these periods one window lasts: 5 with HOUR is every five hours.',
    }),
    resetAnchor: t.field({
      type: ResetAnchor,
      nullable: true,
      description: 'From where windows are counted. Null if usage never resets.',
      resolve: resetAnchorOf,
    }),
    timeZone: t.exposeString('timeZone', {
      nullable: true,
      description: 'The IANA time zone of CALENDAR windows. Null for others.',
    }),
    overageEnabled: t.exposeBoolean('overageEnabled', {
      description: 'Whether usage beyond the limit is allowed.',
    }),
    alertAt: t.exposeIntList('alertAt', {
      description:
        'At how many percent of the limit webhooks get an event, once for each user and window: `usage.threshold_reached`, at 100 `usage.limit_reached` too.',
    }),
    alertAtAmount: t.field({
      type: ['Amount'],
      description:
        'At which usage of a window webhooks get `usage.threshold_reached`, once for each user and window.',
      resolve: ({ alertAtAmount }) => alertAtAmount.map(amountOf),
    }),
    alertOnReset: t.exposeBoolean('alertOnReset', {
      description:
        'Whether webhooks get `usage.window_reset` when a window ends in which the feature was used.',
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

export const Package = builder.prismaObject('Package', {
  description: 'A set of features that is sold together: a plan (base package) or an add-on.',
  fields: (t) => ({
    id: t.exposeString('id', {
      description:
        'Chosen by the company, unique in the environment. All versions of a package have it: `key` tells them apart.',
    }),
    key: t.string({
      description:
        'Names this version of the package: what a normalizing cache keeps this object under. Opaque.',
      resolve: (row) => packageKey(row.id, shownVersion(row)),
    }),
    name: t.exposeString('name', { description: 'The display name, the same for all versions.' }),
    version: t.int({
      description:
        'The number of this version, from 1. Publishing a draft of a published package makes the next one.',
      resolve: shownVersion,
    }),
    isCurrent: t.boolean({
      description: 'Whether it is the version that new subscribers get once the package is PUBLISHED.',
      resolve: (row) => shownVersion(row) === row.version,
    }),
    isAddon: t.exposeBoolean('isAddon', {
      description:
        'Whether it is an add-on. An add-on needs a base package; a user has at most one base package.',
    }),
    status: t.field({
      type: PackageStatus,
      description:
        'DRAFT, PUBLISHED or ARCHIVED. The draft of the next version of a published package is a DRAFT.',
      resolve: (row) => statusOf(row, shownVersion(row)),
    }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description:
        'The time of the last change, including changes of its features, base packages and prices.',
    }),
    features: t.field({
      type: [PackageFeature],
      description: 'The features, in the given order.',
      resolve: (row, _args, context, info) =>
        contentsOf(context, info, shownAs(row), async (where) => {
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
      resolve: (row, _args, context, info) => pricesOf(context, info, shownAs(row)),
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
    resolve: (row, _args, context, info) =>
      linkedPackages(context, info, ownerOf(shownAs(row)), async (ownerIds, take) => {
        const { environmentId, db } = context;
        const where = { environmentId, ...addonsOf(ownerIds) };
        const links = await db.packageBase.findMany({ where, take });
        return links.map(({ addonId, version, baseId }) => ({
          ownerId: ownerOf({ id: addonId, version }),
          packageId: baseId,
        }));
      }),
  }),
  addons: t.field({
    type: [Package],
    description: 'The add-ons whose current version names this package among its base packages.',
    resolve: ({ id }, _args, context, info) =>
      linkedPackages(context, info, id, (ownerIds, take) => findLinks(context, 'addons', ownerIds, take)),
  }),
}));

builder.prismaObjectField(Feature, 'packages', (t) =>
  t.field({
    type: [Package],
    description: 'The packages whose current version contains this feature, in any status, oldest first.',
    resolve: ({ id }, _args, context, info) =>
      linkedPackages(context, info, id, (ownerIds, take) => findLinks(context, 'packages', ownerIds, take)),
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

/** The package at this version. @throws PackageNotFoundError */
export function requireVersion<Row extends Versions & { id: string }>(row: Row, version: number): Row {
  if (!versionsOf(row).includes(version)) throw packageVersionNotFound(row.id, version);
  return atVersion(row, version);
}

const includeFeatures = {
  description: 'Ignored; accepted for older clients.',
  deprecationReason: 'Select `features` instead.',
};

builder.queryFields((t) => ({
  package: t.prismaField({
    type: Package,
    description:
      'One package, in any status, at its current version. `PackageNotFoundError` if the id or the version is unknown.',
    args: {
      id: t.arg.string({ required: true, description: 'The id of the package.' }),
      version: t.arg.int({
        description: 'A version, or the draft of the next one. Default: the current version.',
      }),
      includeFeatures: t.arg.boolean(includeFeatures),
    },
    resolve: async (query, _root, args, { db, environmentId }) => {
      const found = await findPackage(db, query, environmentId, parse(Id, args.id, 'id'));
      const version = parse(Version.nullish(), args.version, 'version');
      return version == null ? found : requireVersion(found, version);
    },
  }),
  packages: t.prismaField({
    type: [Package],
    description: 'The packages with one status, oldest first.',
    args: {
      status: t.arg.string({
        description: 'The name of a PackageStatus. Default PUBLISHED; ALL means every status.',
      }),
      withStatus: t.arg({
        type: PackageStatus,
        description: 'Like `status`, but the schema checks it. Not together with `status`.',
      }),
      includeFeatures: t.arg.boolean(includeFeatures),
      ...listArgs,
    },
    resolve: (query, _root, args, { db, environmentId }) => {
      if (args.status != null && args.withStatus != null)
        throw invalidInput('withStatus', 'cannot be combined with status');
      const status = args.withStatus ?? parse(StatusFilter, args.status, 'status');
      const asked = status === 'ALL' ? { environmentId } : { environmentId, status };
      return listPage(
        args,
        (id) => db.package.findUnique({ where: { environmentId_id: { environmentId, id } } }),
        ({ where, ...page }) => db.package.findMany({ ...query, ...page, where: { ...where, ...asked } }),
        () => settledUntil(db, 'package'),
      );
    },
  }),
}));
