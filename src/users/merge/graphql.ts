import { builder } from '../../graphql/builder.ts';
import { Id, parse } from '../../input.ts';
import { readUser, User } from '../graphql.ts';
import { mergeUsers } from './merge.ts';
import { MergedIds } from './rules.ts';

const DeletedUser = builder.objectRef<{ id: string }>('DeletedUser').implement({
  description: 'A user who is no more.',
  fields: (t) => ({ id: t.exposeString('id', { description: 'The id of the user. It is free again.' }) }),
});

builder.mutationFields((t) => ({
  mergeUsers: t.prismaField({
    type: User,
    description:
      'Makes several users one: the one created first, who is answered. Usage and subscriptions move to that user, and everything is counted as if there had always been one user. Where two hold a base package, or the same add-on, the subscription of the one created first stays and the other is cancelled, as are add-ons that are not open to the base package that stays. Name, email, billing id and each key of the metadata are those of the one created first; gaps are filled from the others. All ids keep leading to the user. It cannot be undone. `UserNotFoundError` when an id is unknown.',
    args: {
      ids: t.arg.stringList({
        required: true,
        description: '2 to 100 ids, none of them twice. Ids that lead to one user already count once.',
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
      'Deletes a user for good, with all subscriptions, usage and Segment events, and every id that was merged into the user. The id of a user who was merged deletes the survivor: they are one. `UserNotFoundError` when there is none with this id.',
    args: { id: t.arg.string({ required: true, description: 'The id of the user.' }) },
    resolve: async (_root, args, { deletePerson, author, readClock }) => ({
      id: await deletePerson(author, parse(Id, args.id, 'id'), await readClock()),
    }),
  }),
}));
