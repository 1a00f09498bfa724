import { builder } from '../graphql/builder.ts';
import type { Context } from '../graphql/context.ts';
import { listAfter, listArgs, listPage, type PageArgs } from '../graphql/list.ts';
import { User } from './graphql.ts';
import { findListed, findSharing } from './store.ts';

async function listSharing(
  field: 'email' | 'billingId',
  query: object,
  args: PageArgs,
  { db, environmentId }: Context,
) {
  const keys = await listAfter(
    args,
    (id) => findListed(db, environmentId, id),
    (page) => findSharing(db, environmentId, field, page),
  );
  const orderBy = [{ createdAt: 'asc' as const }, { id: 'asc' as const }];
  return db.user.findMany({ ...query, where: { key: { in: keys } }, orderBy });
}

const FlaggedUsers = builder.objectRef<object>('FlaggedUsers').implement({
  description: 'Users to review, without merged users.',
  fields: (t) => ({
    withoutBillingId: t.prismaField({
      type: [User],
      description: 'Users without a billing id, oldest first.',
      args: listArgs,
      resolve: (query, _flags, args, { db, environmentId }) =>
        listPage(
          args,
          (id) => findListed(db, environmentId, id),
          ({ where, ...page }) =>
            db.user.findMany({
              ...query,
              ...page,
              where: { ...where, environmentId, mergedInto: null, billingId: null },
            }),
        ),
    }),
    sameEmail: t.prismaField({
      type: [User],
      description:
        'Users who share their email with another user, oldest first. Case and surrounding spaces are ignored. If they are one person, merge them with mergeUsers.',
      args: listArgs,
      resolve: (query, _flags, args, context) => listSharing('email', query, args, context),
    }),
    sameBillingId: t.prismaField({
      type: [User],
      description:
        'Users who share their billing id with another user, oldest first. For the billing provider they are one customer: merge them with mergeUsers.',
      args: listArgs,
      resolve: (query, _flags, args, context) => listSharing('billingId', query, args, context),
    }),
  }),
});

builder.queryField('flaggedUsers', (t) =>
  t.field({
    type: FlaggedUsers,
    description: 'Users who may be duplicates, or who have no billing id.',
    resolve: () => ({}),
  }),
);
