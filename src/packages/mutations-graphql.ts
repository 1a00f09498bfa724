import type { Author } from '../audit/rules.ts';
import { builder } from '../graphql/builder.ts';
import { Id, parse } from '../input.ts';
import {
  archivePackage,
  createPackage,
  publishPackage,
  removePackagePrice,
  setPackagePrice,
  updateDraftPackage,
  updatePackage,
} from './actions.ts';
import { findPackage, Package, ResetPeriod } from './graphql.ts';
import { DraftChange, NewPackage, PackageChange, Price } from './rules.ts';

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

/** The package that a mutation is about, and by whom and when it is changed. */
function targetOf(author: Author, id: string, field: string) {
  return { author, id: parse(Id, id, field), now: new Date() };
}

builder.mutationFields((t) => {
  const id = t.arg.string({ required: true, description: 'The id of the package.' });
  const packageId = t.arg.string({ required: true, description: 'The id of the package.' });
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
      description: 'Changes the metadata of a package of any status.',
      args: {
        id,
        input: t.arg({ type: UpdatePackageInput, required: true, description: 'What to change.' }),
      },
      resolve: async (query, _root, args, { db, environmentId, author }) => {
        const change = parse(PackageChange, args.input, 'input');
        const target = targetOf(author, args.id, 'id');
        await updatePackage(db, target, change);
        return findPackage(db, query, environmentId, target.id);
      },
    }),
    updateDraftPackage: t.prismaField({
      type: Package,
      description:
        'Changes what a DRAFT is and contains, all or nothing. `PackageStatusError` when it is not a DRAFT.',
      args: {
        id,
        input: t.arg({ type: UpdateDraftPackageInput, required: true, description: 'What to change.' }),
      },
      resolve: async (query, _root, args, { db, environmentId, author }) => {
        const target = targetOf(author, args.id, 'id');
        await updateDraftPackage(db, target, parse(DraftChange, args.input, 'input'));
        return findPackage(db, query, environmentId, target.id);
      },
    }),
    publishPackage: t.prismaField({
      type: Package,
      description:
        'Opens a DRAFT to subscribers, for good: what it contains no longer changes. `PackageStatusError` ' +
        'when it is not a DRAFT, or has no features.',
      args: { id },
      resolve: async (query, _root, args, { db, environmentId, author }) => {
        const target = targetOf(author, args.id, 'id');
        await publishPackage(db, target);
        return findPackage(db, query, environmentId, target.id);
      },
    }),
    archivePackage: t.prismaField({
      type: Package,
      description:
        'Closes a package to new subscribers, for good; those it has keep it. A DRAFT can be archived too: ' +
        'it is given up. `PackageStatusError` when it is ARCHIVED already.',
      args: { id },
      resolve: async (query, _root, args, { db, environmentId, author }) => {
        const target = targetOf(author, args.id, 'id');
        await archivePackage(db, target);
        return findPackage(db, query, environmentId, target.id);
      },
    }),
    setPackagePrice: t.prismaField({
      type: Package,
      description:
        'Adds a price to a package, or replaces the one with the same id whole. `PackageStatusError` when ' +
        'the package is ARCHIVED.',
      args: {
        packageId,
        input: t.arg({ type: PackagePriceInput, required: true, description: 'The price.' }),
      },
      resolve: async (query, _root, args, { db, environmentId, author }) => {
        const target = targetOf(author, args.packageId, 'packageId');
        await setPackagePrice(db, target, parse(Price, args.input, 'input'));
        return findPackage(db, query, environmentId, target.id);
      },
    }),
    removePackagePrice: t.prismaField({
      type: Package,
      description:
        'Takes a price from a package. `PriceNotFoundError` when it has none with this id, ' +
        '`PackageStatusError` when the package is ARCHIVED.',
      args: {
        packageId,
        priceId: t.arg.string({
          required: true,
          description: 'The id of the price at the billing provider.',
        }),
      },
      resolve: async (query, _root, args, { db, environmentId, author }) => {
        const target = targetOf(author, args.packageId, 'packageId');
        await removePackagePrice(db, target, parse(Id, args.priceId, 'priceId'));
        return findPackage(db, query, environmentId, target.id);
      },
    }),
  };
});
