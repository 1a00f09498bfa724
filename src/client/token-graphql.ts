import { builder } from '../graphql/builder.ts';
import { Id, parse } from '../input.ts';
import { requireUserKey } from '../users/store.ts';

const GeneratedUserToken = builder.objectRef<{ token: string }>('GeneratedUserToken').implement({
  description: 'A token for the browser of one user.',
  fields: (t) => ({
    token: t.exposeString('token', {
      nullable: true,
      description: 'A JSON Web Token, good for 30 days. Whoever has it can read what the client API tells.',
    }),
  }),
});

builder.mutationField('generateUserToken', (t) =>
  t.field({
    type: GeneratedUserToken,
    nullable: true,
    description:
      'Makes a token with which the client API can be read as this user. `UserNotFoundError` when there is none with this id.',
    args: { userId: t.arg.string({ required: true, description: 'The id of the user.' }) },
    resolve: async (_root, args, { db, environmentId, userTokens }) => {
      const userId = parse(Id, args.userId, 'userId');
      await requireUserKey(db, environmentId, userId);
      return { token: await userTokens.issue({ environmentId, userId }, new Date()) };
    },
  }),
);
