import { builder } from '../graphql/builder.ts';
import { listAfter, listArgs, listPage } from '../graphql/list.ts';
import { User } from './graphql.ts';
import { findListed, findSharingEmail } from './store.ts';

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
        'Users who share their email, letter for letter, with another user, the oldest first. They may be one person, whom mergeUsers makes one user.',
      args: listArgs,
      resolve: async (query, _flags, args, { db, environmentId }) => {
        const keys = await listAfter(
          args,
          (id) => findListed(db, environmentId, id),
          (page) => findSharingEmail(db, environmentId, page),
        );
        const orderBy = [{ createdAt: 'asc' as const }, { id: 'asc' as const }];
        return db.user.findMany({ ...query, where: { key: { in: keys } }, orderBy });
      },
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
