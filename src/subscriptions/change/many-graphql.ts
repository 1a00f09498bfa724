import type { PrismaClient } from '../../database/generated/client.ts';
import { DomainError } from '../../errors.ts';
import { builder } from '../../graphql/builder.ts';
import type { Context } from '../../graphql/context.ts';
import { type ItemError, isFailure, itemErrorOf, RecordUsageError } from '../../graphql/item-error.ts';
import { findByIds, nestedList } from '../../graphql/nested-list.ts';
import { parse } from '../../input.ts';
import { PackageSubscription } from '../graphql.ts';
import { subscribeMany } from './many.ts';
import { UserList, UserSubscribing } from './rules.ts';

const SubscribeUserInput = builder.inputType('SubscribeUserInput', {
  description: 'One user to subscribe.',
  fields: (t) => ({
    userId: t.string({ required: true, description: 'The id of the user.' }),
    packageIds: t.stringList({
      required: true,
      description: 'PUBLISHED packages, up to 100, each once: at most one base package, and any add-ons.',
    }),
    startsAt: t.field({ type: 'DateTime', description: 'The start, as in subscribe. Default: now.' }),
    trialEndsAt: t.field({
      type: 'DateTime',
      description: 'The end of a trial, as in subscribe. Default: no trial.',
    }),
    afterTrialPackageId: t.string({
      description: 'The base package that replaces the one of the trial when the trial ends.',
    }),
  }),
});

interface Subscribed {
  ids: bigint[];
  error: ItemError | null;
}

const SubscribeUserResult = builder.objectRef<Subscribed>('SubscribeUserResult').implement({
  description: 'The result for one user of a list: the subscriptions, or an error.',
  fields: (t) => ({
    subscriptions: t.prismaField({
      type: [PackageSubscription],
      description: 'The new subscriptions, in the order of the packages; empty if there is an error.',
      resolve: (query, { ids }, _args, context, info) => {
        // Used for every item: the plugin refuses a query that is not.
        const selected = { ...query };
        return nestedList(context, info, ids.join(' '), (owners) =>
          subscriptionsOf(context.db, selected, owners),
        );
      },
    }),
    error: t.expose('error', {
      type: RecordUsageError,
      nullable: true,
      description: 'The error of this user; it does not affect the others.',
    }),
  }),
});

/** The subscriptions of each owner: ids with spaces between them. */
async function subscriptionsOf(db: PrismaClient, query: object, owners: readonly string[]) {
  const idsOf = (owner: string) => owner.split(' ').filter(Boolean);
  const rows = await findByIds(owners.flatMap(idsOf), (ids) =>
    db.subscription.findMany({ ...query, where: { id: { in: ids.map(BigInt) } } }),
  );
  const byId = new Map(rows.map((row) => [`${row.id}`, row]));
  return owners.flatMap((ownerId) =>
    idsOf(ownerId).flatMap((id) => {
      const item = byId.get(id);
      return item === undefined ? [] : [{ ownerId, item }];
    }),
  );
}

builder.mutationField('subscribeUsers', (t) =>
  t.field({
    type: [SubscribeUserResult],
    description:
      'Subscribes up to 1,000 users, each on its own as subscribe does, and returns one result for each, in order.',
    args: {
      input: t.arg({ type: [SubscribeUserInput], required: true, description: 'The users.' }),
    },
    resolve: (_root, { input }, context) => subscribeList(parse(UserList, input, 'input'), context),
  }),
);

async function subscribeList(inputs: unknown[], context: Context): Promise<Subscribed[]> {
  const entries = inputs.map((input, index) => {
    try {
      return parse(UserSubscribing, input, `input.${index}`);
    } catch (error) {
      if (error instanceof DomainError) return error;
      throw error;
    }
  });
  const readable = entries.filter((entry): entry is UserSubscribing => !(entry instanceof DomainError));
  const results = await subscribeMany(context.db, context.author, readable);
  const [failure] = results;
  if (failure instanceof Error && results.every(isFailure)) throw failure;
  return entries.map((entry) => {
    const result = entry instanceof DomainError ? entry : results.shift();
    if (result === undefined) throw new Error('a user has no result');
    if (result instanceof Error) return { ids: [], error: itemErrorOf(result, context.reportFault) };
    return { ids: result, error: null };
  });
}
