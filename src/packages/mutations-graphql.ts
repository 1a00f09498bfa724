import type { PrismaClient } from '../database/generated/client.ts';
import { builder } from '../graphql/builder.ts';
import type { Context } from '../graphql/context.ts';
import { Id, parse } from '../input.ts';
import {
  createPackage,
  publishPackage,
  removePackagePrice,
  setPackagePrice,
  type Target,
  updateDraftPackage,
  updatePackage,
} from './change.ts';
import { findPackage, Package } from './graphql.ts';
import { ResetAnchor, ResetPeriod } from './reset-graphql.ts';
import { maxResetEvery } from './reset-rules.ts';
import {
  atVersion,
  DraftChange,
  editableVersion,
  NewPackage,
  PackageChange,
  Price,
  Version,
} from './rules.ts';
import { archivePackage, unpublishPackage } from './versions.ts';

const EntitlementInput = builder.inputType('EntitlementInput', {
  description: 'The allowance of a CONSUMABLE feature in a package.',
  fields: (t) => ({
    limit: t.field({
      type: 'Amount',
      description: 'The limit for one period, 0 or more. Default unlimited.',
    }),
    resetPeriod: t.field({
      type: ResetPeriod,
      required: true,
      description: 'How often usage resets to zero.',
    }),
    resetEvery: t.int({
      description: `How many of these periods one window lasts, 1 to ${maxResetEvery.toLocaleString('en')}: 5 with HOUR is every five hours. Default 1.`,
    }),
    resetAnchor: t.field({
      type: ResetAnchor,
      description: 'From where windows are counted. Default SUBSCRIPTION.',
    }),
    timeZone: t.string({
      description:
        'Only for CALENDAR: an IANA time zone, such as "Europe/Berlin". Default: the time zone of the environment, as it is now.',
    }),
    overageEnabled: t.boolean({ description: 'Whether usage beyond the limit is allowed. Default false.' }),
    alertAt: t.intList({
      description:
        'At how many percent of the limit webhooks get an event, such as 80 and 100; up to 10, each from 1 to 1,000. Default none.',
    }),
    alertAtAmount: t.field({
      type: ['Amount'],
      description:
        'At which usage of a window webhooks get an event, in the units of the feature; up to 10, each more than 0. It needs no limit. Default none.',
    }),
    alertOnReset: t.boolean({
      description:
        'Whether webhooks get an event when a window ends in which the feature was used, and the next one begins. Default false.',
    }),
  }),
});

const CreatePackageFeatureInput = builder.inputType('CreatePackageFeatureInput', {
  description: 'A feature to add to a package. The package keeps the name that the feature has now.',
  fields: (t) => ({
    id: t.string({ required: true, description: 'The id of the feature.' }),
    entitlement: t.field({
      type: EntitlementInput,
      description: 'Only for CONSUMABLE features. Default: unlimited, never resets.',
    }),
  }),
});

const CreatePackageInput = builder.inputType('CreatePackageInput', {
  description: 'A new package.',
  fields: (t) => ({
    id: t.string({ required: true, description: 'Unique in the environment, 1 to 255 characters.' }),
    name: t.string({ description: 'The display name. Default: the id.' }),
    isAddon: t.boolean({ description: 'Whether it is an add-on. Default false: a base package.' }),
    features: t.field({
      type: [CreatePackageFeatureInput],
      required: true,
      description: 'The features, in this order: at most 1,000, each at most once.',
    }),
    basePackages: t.stringList({
      description:
        'Only for an add-on: the ids of the base packages that it is available with. Default: every base package.',
    }),
    metadata: t.field({ type: 'JSON', description: 'An object of your own, at most 16 KiB.' }),
  }),
});

const UpdatePackageInput = builder.inputType('UpdatePackageInput', {
  description: 'The fields to change of a package in any status.',
  fields: (t) => ({
    name: t.string({ description: 'The display name, the same for all versions.' }),
    metadata: t.field({ type: 'JSON', description: 'Replaces the whole object; null clears it.' }),
  }),
});

const UpdateDraftPackageInput = builder.inputType('UpdateDraftPackageInput', {
  description: 'The fields to change of a DRAFT. An omitted field stays; none can be null.',
  fields: (t) => ({
    name: t.string({ description: 'The display name. All versions have it, so it changes at once.' }),
    isAddon: t.boolean({
      description:
        'Only while no version was published. A package that stops being an add-on loses its base packages. One that add-ons name as their base ' +
        'package cannot become an add-on.',
    }),
    features: t.field({
      type: [CreatePackageFeatureInput],
      description:
        'Replaces all features, whole: an absent field of a feature, such as `alertAt` or `overageEnabled`, gets its default. Features that stay keep the name they have in the package.',
    }),
    basePackages: t.stringList({
      description: 'Replaces all base packages. Only for an add-on. An empty list means every base package.',
    }),
  }),
});

const PackagePriceInput = builder.inputType('PackagePriceInput', {
  description: 'The price of a package at a billing provider.',
  fields: (t) => ({
    id: t.string({ required: true, description: 'The id of the price at the billing provider.' }),
    provider: t.string({ description: 'The billing provider. Default "STRIPE".' }),
    amount: t.int({ required: true, description: 'In minor units, 0 or more: 5000 is 50.00 pounds.' }),
    currency: t.string({ required: true, description: 'An ISO 4217 code, such as "gbp".' }),
    interval: t.string({ description: 'The billing interval, such as "month". Default: a one-time price.' }),
  }),
});

/** Resolves a mutation on the package whose id is in `field`; returns the changed package. */
export function changing<Field extends string, Args extends Record<Field, string>>(
  field: Field,
  change: (db: PrismaClient, target: Target, args: Args) => Promise<void>,
) {
  return async (query: object, _root: unknown, args: Args, { db, environmentId, author }: Context) => {
    const target = { author, id: parse(Id, args[field], field), now: new Date() };
    await change(db, target, args);
    return findPackage(db, query, environmentId, target.id);
  };
}

/** The same for its draft; returns the draft. */
export function changingDraft<Args extends { id: string }>(
  change: (db: PrismaClient, target: Target, args: Args) => Promise<void>,
) {
  const changed = changing('id', change);
  return async (query: object, root: unknown, args: Args, context: Context) => {
    const row = await changed(query, root, args, context);
    return atVersion(row, editableVersion(row) ?? row.version);
  };
}

const versionArg = {
  description: 'The version, which may be the draft of the next one. Default: the current version.',
} as const;
const versionOf = (version: number | null | undefined) =>
  parse(Version.nullish(), version, 'version') ?? null;

builder.mutationFields((t) => {
  const id = t.arg.string({ required: true, description: 'The id of the package.' });
  return {
    createPackage: t.prismaField({
      type: Package,
      description:
        'Creates a DRAFT. `PackageAlreadyExistsError` if the id is taken, `FeatureNotFoundError` or ' +
        '`PackageNotFoundError` if a feature or base package is unknown.',
      args: { input: t.arg({ type: CreatePackageInput, required: true, description: 'The new package.' }) },
      resolve: async (query, _root, args, { db, environmentId, author }) => {
        const input = parse(NewPackage, args.input, 'input');
        await createPackage(db, author, input);
        return findPackage(db, query, environmentId, input.id);
      },
    }),
    updatePackage: t.prismaField({
      type: Package,
      description:
        'Changes the name and metadata of a package in any status, without a new version. `PackageNotFoundError` if the id is unknown.',
      args: {
        id,
        input: t.arg({ type: UpdatePackageInput, required: true, description: 'The fields to change.' }),
      },
      resolve: changing('id', (db, target, { input }) =>
        updatePackage(db, target, parse(PackageChange, input, 'input')),
      ),
    }),
    updateDraftPackage: t.prismaField({
      type: Package,
      description:
        'Changes a draft, all or nothing: a package that was never published, or the draft of the next version. Returns the draft. `PackageStatusError` if there is no draft, ' +
        '`PackageNotFoundError` or `FeatureNotFoundError` if an id is unknown.',
      args: {
        id,
        input: t.arg({ type: UpdateDraftPackageInput, required: true, description: 'The fields to change.' }),
      },
      resolve: changingDraft((db, target, { input }) =>
        updateDraftPackage(db, target, parse(DraftChange, input, 'input')),
      ),
    }),
    publishPackage: t.prismaField({
      type: Package,
      description:
        'Publishes a draft: a package that was never published, or the draft of the next version. Its features no longer change. Subscribers of earlier versions keep theirs. `PackageNotFoundError` ' +
        'if the id is unknown, `PackageStatusError` if there is no draft or it has no features.',
      args: { id },
      resolve: changing('id', publishPackage),
    }),
    archivePackage: t.prismaField({
      type: Package,
      description:
        'Archives a package, and deletes the draft of its next version. It cannot be undone: nobody can subscribe any more; current subscribers keep it. ' +
        'A DRAFT can be archived too. `PackageNotFoundError` if the id is unknown, `PackageStatusError` if it ' +
        'is ARCHIVED already.',
      args: { id },
      resolve: changing('id', archivePackage),
    }),
    unpublishPackage: t.prismaField({
      type: Package,
      description:
        'Makes the current version a DRAFT again, if nobody ever subscribed to it; the version before it is the current one again. Returns the draft. `PackageNotFoundError` if the id is unknown, `PackageStatusError` otherwise.',
      args: { id },
      resolve: changingDraft(unpublishPackage),
    }),
    setPackagePrice: t.prismaField({
      type: Package,
      description:
        'Adds a price to a package, or replaces the price with the same id. `PackageNotFoundError` if ' +
        'the package is unknown, `PackageStatusError` if it is ARCHIVED.',
      args: {
        packageId: id,
        version: t.arg.int(versionArg),
        input: t.arg({ type: PackagePriceInput, required: true, description: 'The price.' }),
      },
      resolve: changing('packageId', (db, target, { input, version }) =>
        setPackagePrice(db, { ...target, version: versionOf(version) }, parse(Price, input, 'input')),
      ),
    }),
    removePackagePrice: t.prismaField({
      type: Package,
      description:
        'Removes a price from a package. `PackageNotFoundError` if the package is unknown, ' +
        '`PriceNotFoundError` if it has no such price, `PackageStatusError` if it is ARCHIVED.',
      args: {
        packageId: id,
        priceId: t.arg.string({
          required: true,
          description: 'The id of the price at the billing provider.',
        }),
        version: t.arg.int(versionArg),
      },
      resolve: changing('packageId', (db, target, { priceId, version }) =>
        removePackagePrice(db, { ...target, version: versionOf(version) }, parse(Id, priceId, 'priceId')),
      ),
    }),
  };
});
