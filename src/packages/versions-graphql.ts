import { builder } from '../graphql/builder.ts';
import { Id, parse } from '../input.ts';
import { findPackage, Package } from './graphql.ts';
import { changingDraft } from './mutations-graphql.ts';
import { atVersion, Duplicate, editableVersion, versionsOf } from './rules.ts';
import { createPackageVersion, deleteDraftPackage, duplicatePackage } from './versions.ts';

builder.prismaObjectFields(Package, (t) => ({
  versions: t.field({
    type: [Package],
    description: 'All versions, newest first, with the draft of the next one.',
    resolve: (row) => versionsOf(row).map((version) => atVersion(row, version)),
  }),
  draft: t.field({
    type: Package,
    nullable: true,
    description:
      'The draft, which updateDraftPackage changes and publishPackage publishes: the package itself if it is a DRAFT, or the next version of a published package. Null if there is none.',
    resolve: (row) => {
      const version = editableVersion(row);
      return version === null ? null : atVersion(row, version);
    },
  }),
}));

const DeletedPackage = builder.objectRef<{ id: string }>('DeletedPackage').implement({
  description: 'A package whose draft was deleted.',
  fields: (t) => ({ id: t.exposeString('id', { description: 'The id of the package.' }) }),
});

builder.mutationFields((t) => {
  const id = t.arg.string({ required: true, description: 'The id of the package.' });
  return {
    createPackageVersion: t.prismaField({
      type: Package,
      description:
        'Makes a draft of the next version of a PUBLISHED package, with the contents of the current one, and returns it. updateDraftPackage changes it, publishPackage makes it the current version. `PackageNotFoundError` if the id is unknown, `PackageStatusError` if there is a draft already.',
      args: { packageId: id },
      resolve: (query, root, { packageId }, context) =>
        changingDraft(createPackageVersion)(query, root, { id: packageId }, context),
    }),
    duplicatePackage: t.prismaField({
      type: Package,
      description:
        'Creates a DRAFT with the features, base packages and metadata of the current version of another package, without its prices. `PackageNotFoundError` if the id is unknown, `PackageAlreadyExistsError` if the new id is taken.',
      args: {
        id,
        newId: t.arg.string({ required: true, description: 'The id of the new package.' }),
        name: t.arg.string({ description: 'The display name. Default: the new id.' }),
      },
      resolve: async (query, _root, args, { db, author, environmentId }) => {
        const duplicate = parse(Duplicate, { newId: args.newId, name: args.name }, 'input');
        const target = { author, id: parse(Id, args.id, 'id'), now: new Date() };
        await duplicatePackage(db, target, duplicate);
        return findPackage(db, query, environmentId, duplicate.id);
      },
    }),
    deleteDraftPackage: t.field({
      type: DeletedPackage,
      description:
        'Deletes the draft of the next version, or a package that was never published. `PackageNotFoundError` if the id is unknown, `PackageStatusError` if there is no draft, or if an add-on names it as its base.',
      args: { id },
      resolve: async (_root, args, { db, author }) => {
        const target = { author, id: parse(Id, args.id, 'id'), now: new Date() };
        await deleteDraftPackage(db, target);
        return { id: target.id };
      },
    }),
  };
});
