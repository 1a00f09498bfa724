import { userNotFound } from '../../errors.ts';
import { builder } from '../../graphql/builder.ts';
import { parse } from '../../input.ts';
import { PackageSubscription } from '../../subscriptions/graphql.ts';
import { User } from '../graphql.ts';
import { type MergePlan, previewMerge } from './preview.ts';
import { MergedIds } from './rules.ts';

const MergePreview = builder.objectRef<MergePlan>('MergePreview').implement({
  description: 'The effect of merging several users now.',
  fields: (t) => ({
    survivor: t.prismaField({
      type: User,
      description: 'The user who would survive, unchanged: the oldest.',
      resolve: async (query, { survivor: { key, id } }, _args, { db }) => {
        // No locks are held: the survivor may have been deleted since.
        const user = await db.user.findUnique({ ...query, where: { key } });
        if (user === null) throw userNotFound(id);
        return user;
      },
    }),
    mergedIds: t.exposeStringList('mergedIds', {
      description: 'The ids of the other users. They would lead to the survivor.',
    }),
    name: t.exposeString('name', { nullable: true, description: 'The name after the merge.' }),
    email: t.exposeString('email', { nullable: true, description: 'The email after the merge.' }),
    billingId: t.exposeString('billingId', {
      nullable: true,
      description: 'The billing id after the merge.',
    }),
    metadata: t.expose('metadata', {
      type: 'JSON',
      nullable: true,
      description: 'The metadata after the merge.',
    }),
    kept: t.prismaField({
      type: [PackageSubscription],
      description: 'The subscriptions that the survivor would keep, oldest first.',
      resolve: (query, { keptIds }, _args, { db }) =>
        db.subscription.findMany({ ...query, where: { id: { in: keptIds } }, orderBy: { id: 'asc' } }),
    }),
    cancelled: t.prismaField({
      type: [PackageSubscription],
      description: 'The subscriptions that would be cancelled, because one user cannot have them together.',
      resolve: (query, { cancelledIds }, _args, { db }) =>
        db.subscription.findMany({ ...query, where: { id: { in: cancelledIds } }, orderBy: { id: 'asc' } }),
    }),
  }),
});

builder.queryField('previewMerge', (t) =>
  t.field({
    type: MergePreview,
    description:
      'The effect of mergeUsers with these ids now. Nothing changes. `UserNotFoundError` if an id is unknown.',
    args: { ids: t.arg.stringList({ required: true, description: '2 to 100 ids, without duplicates.' }) },
    resolve: (_root, args, { db, environmentId, doHeavyWork }) => {
      const ids = parse(MergedIds, args.ids, 'ids');
      return doHeavyWork(environmentId, () => previewMerge(db, environmentId, ids));
    },
  }),
);
