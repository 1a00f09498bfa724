import { queryFromInfo } from '@pothos/plugin-prisma';
import { Feature, type WithFeature, withFeatures } from '../features/graphql.ts';
import { builder } from '../graphql/builder.ts';
import { readRows } from '../graphql/limits/answer-size.ts';
import { nestedList } from '../graphql/nested-list.ts';
import { PackageSubscription } from '../subscriptions/graphql.ts';
import { heldOrAhead } from '../subscriptions/store.ts';
import { percentOf } from './ranking-graphql.ts';
import { type HighestUse, readHighestUse, readLastUse } from './user-edge-store.ts';
import { UserEdge } from './user-list-graphql.ts';

/* What a list of users shows of each. All users of a page are read together. */

const LimitUse = builder.objectRef<WithFeature<HighestUse>>('LimitUse').implement({
  description: 'How much of a limit a user has used in the current window.',
  fields: (t) => ({
    feature: t.field({ type: Feature, description: 'The feature.', resolve: ({ feature }) => feature }),
    used: t.expose('used', { type: 'Amount', description: 'The usage.' }),
    budget: t.expose('limit', { type: 'Amount', description: 'The limit, without top-ups.' }),
    usedPercent: t.int({
      nullable: true,
      description: 'The usage in percent of the limit, rounded down. Null if the limit is 0.',
      resolve: ({ used, limit }) => percentOf(used, limit),
    }),
  }),
});

builder.objectFields(UserEdge, (t) => ({
  subscriptions: t.field({
    type: [PackageSubscription],
    description: 'What the user holds, or will hold, oldest first. Ended subscriptions are left out.',
    resolve: ({ userKey }, _args, context, info) =>
      nestedList(context, info, `${userKey}`, async (keys) => {
        const query = queryFromInfo({ context, info });
        const rows = await readRows(context, info, (take) =>
          context.db.subscription.findMany({
            ...query,
            where: { userKey: { in: keys.map(BigInt) }, ...heldOrAhead() },
            orderBy: [{ userKey: 'asc' }, { createdAt: 'asc' }, { id: 'asc' }],
            take,
          }),
        );
        return rows.map((item) => ({ ownerId: `${item.userKey}`, item }));
      }),
  }),
  highestUse: t.field({
    type: LimitUse,
    nullable: true,
    description:
      'The limit of which the user has used the highest part in the current window. Null if nothing was used of one.',
    resolve: async ({ userKey }, _args, context, info) => {
      const [use] = await nestedList(context, info, `${userKey}`, async (keys) => {
        const rows = await readHighestUse(context.db, keys.map(BigInt));
        const found = await withFeatures(rows, context, info);
        return found.map((item) => ({ ownerId: `${item.userKey}`, item }));
      });
      return use ?? null;
    },
  }),
  lastUsedAt: t.field({
    type: 'DateTime',
    nullable: true,
    description: 'When the last usage of the user was recorded. Null if there is none.',
    resolve: async ({ userKey }, _args, context, info) => {
      const [at] = await nestedList(context, info, `${userKey}`, async (keys) => {
        const rows = await readLastUse(context.db, keys.map(BigInt));
        return rows.map((row) => ({ ownerId: `${row.userKey}`, item: row.at }));
      });
      return at ?? null;
    },
  }),
}));
