import type { PrismaClient } from '../database/generated/client.ts';
import { settledUntil } from '../database/settled.ts';
import { userNotFound } from '../errors.ts';
import { builder } from '../graphql/builder.ts';
import { listAfter, listArgs, listPage } from '../graphql/list.ts';
import { Id, NewId, parse } from '../input.ts';
import { createUser, updateUser } from './change.ts';
import { NewUser, Search, searchQuery, UserChange } from './rules.ts';
import { findListed, requireUserKey, searchUsers } from './store.ts';

export const User = builder.prismaObject('User', {
  description: 'A user of your product.',
  fields: (t) => ({
    id: t.exposeString('id', {
      description: 'The id, chosen by you, unique in the environment. It can change.',
    }),
    billingId: t.exposeString('billingId', {
      nullable: true,
      description: 'The id of the customer at the billing provider, such as "cus_Lp1bSKob4laHDD".',
    }),
    name: t.exposeString('name', { nullable: true, description: 'The name.' }),
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
    name: t.string({ description: 'The name.' }),
    email: t.string({ description: 'The email address. Several users may have the same.' }),
    metadata: t.field({ type: 'JSON', description: 'An object of your own, at most 16 KiB.' }),
  }),
});

const UpdateUserInput = builder.inputType('UpdateUserInput', {
  description: 'The fields to change of a user. An omitted field stays; null clears.',
  fields: (t) => ({
    id: t.string({
      required: true,
      description: 'The new id. To keep the id, pass the current id, or the id in the first argument.',
    }),
    name: t.string({ description: 'The name.' }),
    email: t.string({ description: 'The email address. Several users may have the same.' }),
    billingId: t.string({ description: 'The id of the customer at the billing provider.' }),
    metadata: t.field({ type: 'JSON', description: 'Replaces the whole object.' }),
  }),
});

/**
 * @param query the client's selection
 * @param id the id for the error message
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
      'One user. The id of a merged user returns the survivor. `UserNotFoundError` if the id is unknown.',
    args: { id: t.arg.string({ required: true, description: 'The id of the user.' }) },
    resolve: async (query, _root, args, { db, environmentId }) => {
      const id = parse(Id, args.id, 'id');
      return readUser(db, query, await requireUserKey(db, environmentId, id), id);
    },
  }),
  users: t.prismaField({
    type: [User],
    description: 'All users, oldest first, without merged users.',
    args: {
      ...listArgs,
      search: t.arg.string({
        description:
          'Only matching users: each word must be the start of a word in the id, name, email or billing id. Case is ignored.',
      }),
      id: t.arg.string({
        description: 'Ignored. A documented example of Kana sends it.',
        deprecationReason: 'Use the query user.',
      }),
    },
    resolve: (
      query,
      _root,
      { first, after, ...args },
      { db, environmentId, untilCallerLeaves, readLong },
    ) => {
      const search = searchQuery(parse(Search.nullish(), args.search, 'search') ?? '');
      const find = (id: string) => findListed(db, environmentId, id);
      if (search !== null)
        return listAfter({ first, after }, find, async (page) => {
          const keys = await readLong(() => searchUsers(db, environmentId, search, page));
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
          untilCallerLeaves(() =>
            db.user.findMany({ ...query, ...page, where: { ...where, environmentId, mergedInto: null } }),
          ),
        () => settledUntil(db, 'user'),
      );
    },
  }),
}));

builder.mutationFields((t) => ({
  createUser: t.prismaField({
    type: User,
    description: 'Creates a user. `UserAlreadyExistsError` if the id is taken.',
    args: { input: t.arg({ type: CreateUserInput, required: true, description: 'The new user.' }) },
    resolve: async (query, _root, args, { db, admitUsers, author }) => {
      const user = parse(NewUser, args.input, 'input');
      return readUser(db, query, await createUser({ admitUsers, author }, user), user.id);
    },
  }),
  updateUser: t.prismaField({
    type: User,
    description:
      'Changes a user. The id may change too; subscriptions and usage stay with the user. `UserNotFoundError` if the id is unknown, `UserAlreadyExistsError` if the new id is taken.',
    args: {
      id: t.arg.string({
        required: true,
        description: 'The current id of the user, or an id that was merged into the user.',
      }),
      input: t.arg({ type: UpdateUserInput, required: true, description: 'The fields to change.' }),
    },
    resolve: async (query, _root, args, { db, admitUsers, author }) => {
      const id = parse(Id, args.id, 'id');
      const change = parse(UserChange, args.input, 'input');
      if (change.id !== id) parse(NewId, change.id, 'input.id');
      return readUser(db, query, await updateUser({ db, admitUsers, author }, id, change), id);
    },
  }),
}));
