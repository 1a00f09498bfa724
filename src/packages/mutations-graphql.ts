import type { PrismaClient } from '../database/generated/client.ts';
import { builder } from '../graphql/builder.ts';
import type { Context } from '../graphql/context.ts';
import { Id, parse } from '../input.ts';
import {
  archivePackage,
  createPackage,
  publishPackage,
  removePackagePrice,
  setPackagePrice,
  type Target,
  updateDraftPackage,
  updatePackage,
} from './change.ts';
import { findPackage, Package, ResetPeriod } from './graphql.ts';
import { DraftChange, MetadataChange, NewPackage, Price } from './rules.ts';

const EntitlementInput = builder.inputType('EntitlementInput', {
  description: 'How much of a CONSUMABLE feature a package grants.',
  fields: (t) => ({
    limit: t.int({ description: 'How much may be used in one period, 0 or more. Without it, unlimited.' }),
    resetPeriod: t.field({
      type: ResetPeriod,
      required: true,
      description: 'After which time usage counts from zero again.',
    }),
    overageEnabled: t.boolean({ description: 'Whether more than the limit may be used. Without it, false.' }),
  }),
});

const CreatePackageFeatureInput = builder.inputType('CreatePackageFeatureInput', {
  description: 'A feature that joins a package. The package keeps the name that it has at this moment.',
  fields: (t) => ({
    id: t.string({ required: true, description: 'The id of the feature.' }),
    entitlement: t.field({
      type: EntitlementInput,
      description: 'Only for CONSUMABLE features. Without it, unlimited and never reset.',
    }),
  }),
});

const CreatePackageInput = builder.inputType('CreatePackageInput', {
  description: 'A new package.',
  fields: (t) => ({
    id: t.string({ required: true, description: 'Unique in the environment, 1 to 255 characters.' }),
    name: t.string({ description: 'What people call it. Without it, the id.' }),
    isAddon: t.boolean({ description: 'Whether it is an add-on. Without it, false: a base package.' }),
    features: t.field({
      type: [CreatePackageFeatureInput],
      required: true,
      description: 'What it contains, in this order: at most 1,000 features, none of them twice.',
    }),
    basePackages: t.stringList({
      description:
        'Only for an add-on: the ids of the base packages whose subscribers may have it. Without: all.',
    }),
    metadata: t.field({ type: 'JSON', description: 'An object of your own, at most 16 KiB.' }),
  }),
});

const UpdatePackageInput = builder.inputType('UpdatePackageInput', {
  description: 'What to change of a package of any status.',
  fields: (t) => ({
    metadata: t.field({ type: 'JSON', description: 'Replaces the whole object; null clears it.' }),
  }),
});

const UpdateDraftPackageInput = builder.inputType('UpdateDraftPackageInput', {
  description: 'What to change of a DRAFT: an omitted field stays; none of them can be null.',
  fields: (t) => ({
    name: t.string({ description: 'What people call it.' }),
    isAddon: t.boolean({
      description:
        'A package that stops being an add-on loses its base packages. One that add-ons name as their base ' +
        'package cannot become an add-on.',
    }),
    features: t.field({
      type: [CreatePackageFeatureInput],
      description:
        'Replaces all features. Those that were in the package before keep the name they have in it.',
    }),
    basePackages: t.stringList({
      description: 'Replaces all base packages; only an add-on has any. An empty list opens it to all.',
    }),
  }),
});

const PackagePriceInput = builder.inputType('PackagePriceInput', {
  description: 'What a package costs at a billing provider.',
  fields: (t) => ({
    id: t.string({ required: true, description: 'The id of the price at the billing provider.' }),
    provider: t.string({ description: 'The billing provider. Without it, "STRIPE".' }),
    amount: t.int({ required: true, description: 'In minor units, 0 or more: 5000 is 50.00 pounds.' }),
    currency: t.string({ required: true, description: 'An ISO 4217 code, such as "gbp".' }),
    interval: t.string({ description: 'How often it is charged, such as "month". Without it, once.' }),
  }),
});

/** Resolves a mutation that changes the package whose id is in `field`: to the package as it is afterwards. */
function changing<Field extends string, Args extends Record<Field, string>>(
  field: Field,
  change: (db: PrismaClient, target: Target, args: Args) => Promise<void>,
) {
  return async (query: object, _root: unknown, args: Args, { db, environmentId, author }: Context) => {
    const target = { author, id: parse(Id, args[field], field), now: new Date() };
    await change(db, target, args);
    return findPackage(db, query, environmentId, target.id);
  };
}

builder.mutationFields((t) => {
  const id = t.arg.string({ required: true, description: 'The id of the package.' });
  return {
    createPackage: t.prismaField({
      type: Package,
      description:
        'Makes a DRAFT. `PackageAlreadyExistsError` when the id is taken, `FeatureNotFoundError` or ' +
        '`PackageNotFoundError` when it names what is not there.',
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
        'Changes the metadata of a package of any status. `PackageNotFoundError` when there is none with this id.',
      args: {
        id,
        input: t.arg({ type: UpdatePackageInput, required: true, description: 'What to change.' }),
      },
      resolve: changing('id', (db, target, { input }) =>
        updatePackage(db, target, parse(MetadataChange, input, 'input')),
      ),
    }),
    updateDraftPackage: t.prismaField({
      type: Package,
      description:
        'Changes what a DRAFT is and contains, all or nothing. `PackageStatusError` when it is not a DRAFT, ' +
        '`PackageNotFoundError` or `FeatureNotFoundError` when there is nothing with one of the ids.',
      args: {
        id,
        input: t.arg({ type: UpdateDraftPackageInput, required: true, description: 'What to change.' }),
      },
      resolve: changing('id', (db, target, { input }) =>
        updateDraftPackage(db, target, parse(DraftChange, input, 'input')),
      ),
    }),
    publishPackage: t.prismaField({
      type: Package,
      description:
        'Opens a DRAFT to subscribers, for good: what it contains no longer changes. `PackageNotFoundError` ' +
        'when there is none with this id, `PackageStatusError` when it is not a DRAFT, or has no features.',
      args: { id },
      resolve: changing('id', publishPackage),
    }),
    archivePackage: t.prismaField({
      type: Package,
      description:
        'Closes a package to new subscribers, for good; those it has keep it. A DRAFT can be archived too: ' +
        'it is given up. `PackageNotFoundError` when there is none with this id, `PackageStatusError` when it ' +
        'is ARCHIVED already.',
      args: { id },
      resolve: changing('id', archivePackage),
    }),
    setPackagePrice: t.prismaField({
      type: Package,
      description:
        'Adds a price to a package, or replaces the one with the same id whole. `PackageNotFoundError` when ' +
        'there is no such package, `PackageStatusError` when it is ARCHIVED.',
      args: {
        packageId: id,
        input: t.arg({ type: PackagePriceInput, required: true, description: 'The price.' }),
      },
      resolve: changing('packageId', (db, target, { input }) =>
        setPackagePrice(db, target, parse(Price, input, 'input')),
      ),
    }),
    removePackagePrice: t.prismaField({
      type: Package,
      description:
        'Takes a price from a package. `PackageNotFoundError` when there is no such package, ' +
        '`PriceNotFoundError` when it has no such price, `PackageStatusError` when it is ARCHIVED.',
      args: {
        packageId: id,
        priceId: t.arg.string({
          required: true,
          description: 'The id of the price at the billing provider.',
        }),
      },
      resolve: changing('packageId', (db, target, { priceId }) =>
        removePackagePrice(db, target, parse(Id, priceId, 'priceId')),
      ),
    }),
  };
});
