import { userNotFound } from '../../errors.ts';
import { builder } from '../../graphql/builder.ts';
import { parse } from '../../input.ts';
import { PackageSubscription } from '../../subscriptions/graphql.ts';
import { User } from '../graphql.ts';
import { type MergePlan, previewMerge } from './preview.ts';
import { MergedIds } from './rules.ts';

const MergePreview = builder.objectRef<MergePlan>('MergePreview').implement({
  description: 'What would become of several users if they were merged now.',
  fields: (t) => ({
    survivor: t.prismaField({
      type: User,
      description: 'The one who would stay, as now: the one created first.',
      resolve: async (query, { survivor: { key, id } }, _args, { db }) => {
        // Nobody is locked: the survivor may be gone since the merge was planned.
        const user = await db.user.findUnique({ ...query, where: { key } });
        if (user === null) throw userNotFound(id);
        return user;
      },
    }),
    mergedIds: t.exposeStringList('mergedIds', {
      description: 'The ids of the others, which would lead to the survivor.',
    }),
    name: t.exposeString('name', { nullable: true, description: 'The name afterwards.' }),
    email: t.exposeString('email', { nullable: true, description: 'The email afterwards.' }),
    billingId: t.exposeString('billingId', { nullable: true, description: 'The billing id afterwards.' }),
    metadata: t.expose('metadata', { type: 'JSON', nullable: true, description: 'The metadata afterwards.' }),
    kept: t.prismaField({
      type: [PackageSubscription],
      description: 'The subscriptions that the survivor would hold, the oldest first.',
      resolve: (query, { keptIds }, _args, { db }) =>
        db.subscription.findMany({ ...query, where: { id: { in: keptIds } }, orderBy: { id: 'asc' } }),
    }),
    cancelled: t.prismaField({
      type: [PackageSubscription],
      description: 'The subscriptions that one user cannot hold beside these, and that would be cancelled.',
      resolve: (query, { cancelledIds }, _args, { db }) =>
        db.subscription.findMany({ ...query, where: { id: { in: cancelledIds } }, orderBy: { id: 'asc' } }),
    }),
  }),
});

builder.queryField('previewMerge', (t) =>
  t.field({
    type: MergePreview,
    description:
      'What mergeUsers would do with these ids now. Nothing changes. `UserNotFoundError` when an id is unknown.',
    args: { ids: t.arg.stringList({ required: true, description: '2 to 100 ids, none of them twice.' }) },
    resolve: (_root, args, { db, environmentId }) =>
      previewMerge(db, environmentId, parse(MergedIds, args.ids, 'ids')),
  }),
);
