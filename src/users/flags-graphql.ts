import { builder } from '../graphql/builder.ts';
import type { Context } from '../graphql/context.ts';
import { listAfter, listArgs, listPage, type PageArgs } from '../graphql/list.ts';
import { User } from './graphql.ts';
import { findListed, findSharing } from './store.ts';

async function listSharing(
  what: 'email' | 'billingId',
  query: object,
  args: PageArgs,
  { db, environmentId }: Context,
) {
  const keys = await listAfter(
    args,
    (id) => findListed(db, environmentId, id),
    (page) => findSharing(db, environmentId, what, page),
  );
  const orderBy = [{ createdAt: 'asc' as const }, { id: 'asc' as const }];
  return db.user.findMany({ ...query, where: { key: { in: keys } }, orderBy });
}

const FlaggedUsers = builder.objectRef<object>('FlaggedUsers').implement({
  description: 'Users whom someone should look at. Those who were merged into another are left out.',
  fields: (t) => ({
    withoutBillingId: t.prismaField({
      type: [User],
      description: 'Users whom no customer of the billing provider is known for, the oldest first.',
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
        'Users who share their email with another user, whatever the case and the spaces around it, the oldest first. They may be one person, whom mergeUsers makes one user.',
      args: listArgs,
      resolve: (query, _flags, args, context) => listSharing('email', query, args, context),
    }),
    sameBillingId: t.prismaField({
      type: [User],
      description:
        'Users who share their billing id with another user, the oldest first. The billing provider takes them for one customer; mergeUsers makes them one user.',
      args: listArgs,
      resolve: (query, _flags, args, context) => listSharing('billingId', query, args, context),
    }),
  }),
});

builder.queryField('flaggedUsers', (t) =>
  t.field({
    type: FlaggedUsers,
    description: 'Users who may be doubles, or whom billing does not know.',
    resolve: () => ({}),
  }),
);
