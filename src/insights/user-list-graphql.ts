import { queryFromInfo } from '@pothos/plugin-prisma';
import { requireFeature } from '../features/store.ts';
import { builder } from '../graphql/builder.ts';
import type { Context } from '../graphql/context.ts';
import { PageSize, settledPage } from '../graphql/list.ts';
import { readSettledUntil } from '../graphql/reading.ts';
import { parse } from '../input.ts';
import { SubscriptionStatus } from '../subscriptions/graphql.ts';
import { User } from '../users/graphql.ts';
import { withUsers } from './ranking-graphql.ts';
import { asOfWords } from './standings/graphql.ts';
import { readStandings, type Standings } from './standings/stored-store.ts';
import {
  checkOrder,
  type limitStates,
  readCursor,
  UserFilter,
  type UserOrder,
  writeCursor,
} from './user-list-rules.ts';
import { countUsers, findUsers } from './user-list-store.ts';

interface Edge {
  cursor: string;
  userKey: bigint;
  user: typeof User.$inferType;
}

interface Connection {
  edges: Edge[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  filter: UserFilter;
  /** What the filter by a limit is held to; null without one. */
  standings: Standings | null;
}

const PageInfo = builder.objectRef<Connection>('PageInfo').implement({
  description: 'Where a page is in its list.',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage', { description: 'Whether there is more after this page.' }),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage', { description: 'Whether `after` was given.' }),
    startCursor: t.string({
      nullable: true,
      description: 'The cursor of the first item; null if there is none.',
      resolve: ({ edges }) => edges[0]?.cursor ?? null,
    }),
    endCursor: t.string({
      nullable: true,
      description: 'The cursor of the last item, for `after`; null if there is none.',
      resolve: ({ edges }) => edges.at(-1)?.cursor ?? null,
    }),
  }),
});

export const UserEdge = builder.objectRef<Edge>('UserEdge').implement({
  description: 'A user in a list.',
  fields: (t) => ({
    cursor: t.exposeString('cursor', { description: 'The position in the list; opaque.' }),
    node: t.expose('user', { type: User, description: 'The user.' }),
  }),
});

const UserConnection = builder.objectRef<Connection>('UserConnection').implement({
  description: 'A page of a list of users.',
  fields: (t) => ({
    edges: t.expose('edges', { type: [UserEdge], description: 'The users of the page with their cursors.' }),
    nodes: t.field({
      type: [User],
      description: 'The users of the page.',
      resolve: ({ edges }) => edges.map(({ user }) => user),
    }),
    pageInfo: t.field({ type: PageInfo, description: 'Where the page is.', resolve: (page) => page }),
    totalCount: t.int({
      description: 'How many users the whole list has.',
      resolve: ({ filter, standings }, _args, { db, environmentId, readLong }) =>
        readLong(() => countUsers(db, standings ?? unread, environmentId, filter)),
    }),
    asOf: t.field({
      type: 'DateTime',
      nullable: true,
      description: `Of a list with a filter by a limit, else null. ${asOfWords}`,
      resolve: ({ standings }) => standings?.asOf ?? null,
    }),
  }),
});

/** Of lists that do not depend on them. */
const unread: Standings = { isStored: false, asOf: new Date(0) };

const UserOrderType = builder.enumType('UserOrder', {
  description: 'The order of a list of users.',
  values: {
    CREATED_ASC: { description: 'Oldest first.' },
    CREATED_DESC: { description: 'Newest first.' },
    NAME_ASC: { description: 'By the name, in small letters; by the id where there is no name.' },
    NAME_DESC: { description: 'The same, backwards.' },
    USE_DESC: {
      description:
        'By the highest part of a limit that is used, the highest first. Only with a filter by `limit` or `featureId`; `usedPercent: 1` lists all who used something of a limit.',
    },
  } satisfies Record<UserOrder, object>,
});

const LimitState = builder.enumType('LimitState', {
  description: 'How much of a limit is used in the current window.',
  values: {
    NEAR: { description: '`usedPercent` of it or more.' },
    REACHED: { description: 'All of it, without overage and with no top-up left: more is refused.' },
  } satisfies Record<(typeof limitStates)[number], object>,
});

const UserFilterInput = builder.inputType('UserFilter', {
  description: 'Which users to list. Several fields combine with AND.',
  fields: (t) => ({
    search: t.string({ description: 'Words that begin words of the id, name, email or billing id.' }),
    packageId: t.string({ description: 'Users who hold this package now, or with `status` have it so.' }),
    status: t.field({
      type: SubscriptionStatus,
      description: 'Users with a subscription that has this status now.',
    }),
    featureId: t.string({ description: 'Users near their limit of this feature; see `usersNearLimit`.' }),
    limit: t.field({
      type: LimitState,
      description:
        'Users with such a limit: of the feature of `featureId`, or of any. Default: NEAR, with `featureId`.',
    }),
    usedPercent: t.int({
      description: 'What counts as near: the part of the limit in percent, 1 to 1000. Default 80.',
    }),
  }),
});

const defaultFirst = 50;

builder.queryField('usersConnection', (t) =>
  t.field({
    type: UserConnection,
    description:
      'Users by filter and order, without merged users. `FeatureNotFoundError` if the feature of the filter is unknown.',
    args: {
      filter: t.arg({ type: UserFilterInput, description: 'Which users; without it all.' }),
      order: t.arg({
        type: UserOrderType,
        required: true,
        defaultValue: 'CREATED_ASC',
        description: 'The order.',
      }),
      first: t.arg.int({ description: 'The maximum number of users, 1 to 1000. Default 50.' }),
      after: t.arg.string({ description: 'A cursor: returns the users after it.' }),
    },
    resolve: async (_root, args, context, info): Promise<Connection> => {
      const filter = parse(UserFilter, args.filter ?? {}, 'filter');
      const first = parse(PageSize, args.first ?? defaultFirst, 'first');
      const { order } = args;
      checkOrder(order, filter);
      const last = args.after == null ? null : readCursor(order, args.after);
      await checkFilter(filter, context);
      const hasLimit = filter.featureId != null || filter.limit != null;
      const standings = hasLimit ? await readStandings(context.db, context.environmentId) : null;
      const rows = await findFollowed(context, standings ?? unread, filter, { order, take: first + 1, last });
      const page = rows.slice(0, first).map((row) => ({ ...row, userKey: row.key }));
      const query = queryFromInfo({ context, info, paths: [['edges', 'node'], ['nodes']] });
      const users = await withUsers(page, query, context);
      return {
        edges: users.map((row) => ({
          cursor: writeCursor(order, row),
          userKey: row.key,
          user: row.user,
        })),
        hasNextPage: rows.length > first,
        hasPreviousPage: last !== null,
        filter,
        standings,
      };
    },
  }),
);

/** A list by creation may be followed while users are added: it misses none; see settledPage. */
function findFollowed(
  context: Context,
  standings: Standings,
  filter: UserFilter,
  page: Parameters<typeof findUsers>[4],
): ReturnType<typeof findUsers> {
  const { db, environmentId, readLong } = context;
  const read = () => readLong(() => findUsers(db, standings, environmentId, filter, page));
  if (page.order !== 'CREATED_ASC') return read();
  return settledPage(
    read,
    ({ value }) => new Date(value),
    () => readSettledUntil(context, 'user'),
  );
}

/** @throws FeatureNotFoundError */
async function checkFilter({ featureId }: UserFilter, { db, environmentId }: Context): Promise<void> {
  if (featureId != null) await requireFeature(db, environmentId, featureId);
}
