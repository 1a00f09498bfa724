import type { PrismaClient } from '../database/generated/client.ts';
import { settledUntil } from '../database/settled.ts';
import { userNotFound } from '../errors.ts';
import { builder } from '../graphql/builder.ts';
import { listAfter, listArgs, listPage } from '../graphql/list.ts';
import { Id, parse } from '../input.ts';
import { createUser, updateUser } from './change.ts';
import { NewUser, UserChange } from './rules.ts';
import { Search, searchQuery } from './search-rules.ts';
import { searchUsers } from './search-store.ts';
import { findListed, requireUserKey } from './store.ts';

export const User = builder.prismaObject('User', {
  description: 'A person who uses what the company sells.',
  fields: (t) => ({
    id: t.exposeString('id', {
      description: 'Chosen by the company, unique in the environment. It can be changed.',
    }),
    billingId: t.exposeString('billingId', {
      nullable: true,
      description: 'The id of the customer at the billing provider, such as "cus_Lp1bSKob4laHDD".',
    }),
    name: t.exposeString('name', { nullable: true, description: 'What people call the user.' }),
    email: t.exposeString('email', {
      nullable: true,
      description: 'The email address. Several users may have the same.',
    }),
    metadata: t.expose('metadata', {
      type: 'JSON',
      nullable: true,
      description: 'An object of your own, at most 16 KiB.',
    }),
  }),
});

const CreateUserInput = builder.inputType('CreateUserInput', {
  description: 'A new user.',
  fields: (t) => ({
    id: t.string({ required: true, description: 'Unique in the environment, 1 to 255 characters.' }),
    billingId: t.string({ description: 'The id of the customer at the billing provider.' }),
    name: t.string({ description: 'What people call the user.' }),
    email: t.string({ description: 'The email address. Several users may have the same.' }),
    metadata: t.field({ type: 'JSON', description: 'An object of your own, at most 16 KiB.' }),
  }),
});

const UpdateUserInput = builder.inputType('UpdateUserInput', {
  description: 'What to change of a user: an omitted field stays, null clears. Email and billing id stay.',
  fields: (t) => ({
    id: t.string({
      required: true,
      description:
        'The new id; to keep the id, the present one, or the one that this call finds the user by.',
    }),
    name: t.string({ description: 'What people call the user.' }),
    metadata: t.field({ type: 'JSON', description: 'Replaces the whole object.' }),
  }),
});

/**
 * @param query what the client selected of the user
 * @param id to which the key belongs
 * @throws UserNotFoundError
 */
export async function readUser(db: PrismaClient, query: object, key: bigint, id: string) {
  const user = await db.user.findUnique({ ...query, where: { key } });
  if (user === null) throw userNotFound(id);
  return user;
}

builder.queryFields((t) => ({
  user: t.prismaField({
    type: User,
    description:
      'One user; the id of a user who was merged finds the survivor. `UserNotFoundError` when there is none with this id.',
    args: { id: t.arg.string({ required: true, description: 'The id of the user.' }) },
    resolve: async (query, _root, args, { db, environmentId }) => {
      const id = parse(Id, args.id, 'id');
      return readUser(db, query, await requireUserKey(db, environmentId, id), id);
    },
  }),
  users: t.prismaField({
    type: [User],
    description: 'All users, the oldest first. Users who were merged into another are left out.',
    args: {
      ...listArgs,
      search: t.arg.string({
        description:
          'Only users who fit: each word of it begins a word of the id, name, email or billing id, whatever the case.',
      }),
      id: t.arg.string({
        description: 'Ignored. It is here because a documented example of the original sends it.',
      }),
    },
    resolve: (query, _root, { first, after, ...args }, { db, environmentId }) => {
      const search = searchQuery(parse(Search.nullish(), args.search, 'search') ?? '');
      const find = (id: string) => findListed(db, environmentId, id);
      if (search !== null)
        return listAfter({ first, after }, find, async (page) => {
          const keys = await searchUsers(db, environmentId, search, page);
          return db.user.findMany({
            ...query,
            where: { key: { in: keys } },
            orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
          });
        });
      return listPage(
        { first, after },
        find,
        ({ where, ...page }) =>
          db.user.findMany({ ...query, ...page, where: { ...where, environmentId, mergedInto: null } }),
        () => settledUntil(db, 'user'),
      );
    },
  }),
}));

builder.mutationFields((t) => ({
  createUser: t.prismaField({
    type: User,
    description: 'Makes a user. `UserAlreadyExistsError` when the id is taken.',
    args: { input: t.arg({ type: CreateUserInput, required: true, description: 'The new user.' }) },
    resolve: async (query, _root, args, { db, admitUsers, author }) => {
      const user = parse(NewUser, args.input, 'input');
      return readUser(db, query, await createUser({ admitUsers, author }, user), user.id);
    },
  }),
  updateUser: t.prismaField({
    type: User,
    description:
      'Changes a user, the id included: everything the user owns follows. `UserNotFoundError` when there is none with this id, `UserAlreadyExistsError` when the new id is taken.',
    args: {
      id: t.arg.string({
        required: true,
        description: 'The present id of the user, or one that was merged into the user.',
      }),
      input: t.arg({ type: UpdateUserInput, required: true, description: 'What to change.' }),
    },
    resolve: async (query, _root, args, { db, admitUsers, author }) => {
      const id = parse(Id, args.id, 'id');
      const change = parse(UserChange, args.input, 'input');
      return readUser(db, query, await updateUser({ db, admitUsers, author }, id, change), id);
    },
  }),
}));
