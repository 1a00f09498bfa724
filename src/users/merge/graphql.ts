import { builder } from '../../graphql/builder.ts';
import { Id, parse } from '../../input.ts';
import { readUser, User } from '../graphql.ts';
import { mergeUsers } from './merge.ts';
import { MergedIds } from './rules.ts';

const DeletedUser = builder.objectRef<{ id: string }>('DeletedUser').implement({
  description: 'A deleted user.',
  fields: (t) => ({ id: t.exposeString('id', { description: 'The id of the user. It can be used again.' }) }),
});

builder.mutationFields((t) => ({
  mergeUsers: t.prismaField({
    type: User,
    description:
      'Merges several users into the oldest one and returns it. Usage and subscriptions move to that user, and windows are recounted as if there had always been one user. If two users have a base package, or the same add-on, the subscription of the older user stays and the other is cancelled, and so are add-ons that do not fit the remaining base package. Name, email, billing id and each key of the metadata come from the oldest user; gaps are filled from the others. All ids lead to the survivor. A merge cannot be undone. `UserNotFoundError` if an id is unknown.',
    args: {
      ids: t.arg.stringList({
        required: true,
        description: '2 to 100 ids, without duplicates. Ids that already lead to one user count once.',
      }),
    },
    resolve: async (query, _root, args, { db, author }) => {
      const ids = parse(MergedIds, args.ids, 'ids');
      return readUser(db, query, await mergeUsers(db, author, ids), ids[0] ?? '');
    },
  }),
  deleteUser: t.field({
    type: DeletedUser,
    description:
      'Deletes a user permanently, with all subscriptions, usage and Segment events, and all ids that were merged into the user. The id of a merged user deletes the survivor. `UserNotFoundError` if the id is unknown.',
    args: { id: t.arg.string({ required: true, description: 'The id of the user.' }) },
    resolve: async (_root, args, { deletePerson, author, readClock }) => ({
      id: await deletePerson(author, parse(Id, args.id, 'id'), await readClock()),
    }),
  }),
}));
