import { builder } from '../graphql/builder.ts';
import { Id, parse } from '../input.ts';
import { requireUserKey } from '../users/store.ts';

const GeneratedUserToken = builder.objectRef<{ token: string }>('GeneratedUserToken').implement({
  description: 'A token for the browser of one user.',
  fields: (t) => ({
    token: t.exposeString('token', {
      nullable: true,
      description:
        'A JSON Web Token, valid for 30 days. Its holder can read the data of the user in the client API.',
    }),
  }),
});

builder.mutationField('generateUserToken', (t) =>
  t.field({
    type: GeneratedUserToken,
    nullable: true,
    description: 'Creates a token for the client API of this user. `UserNotFoundError` if the id is unknown.',
    args: { userId: t.arg.string({ required: true, description: 'The id of the user.' }) },
    resolve: async (_root, args, { db, environmentId, userTokens }) => {
      const userId = parse(Id, args.userId, 'userId');
      await requireUserKey(db, environmentId, userId);
      return { token: await userTokens.issue({ environmentId, userId }, new Date()) };
    },
  }),
);
