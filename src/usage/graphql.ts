import type { GraphQLResolveInfo } from 'graphql';
import { Entitlement } from '../entitlements/graphql.ts';
import { entitlementOf } from '../entitlements/rules.ts';
import { DomainError } from '../errors.ts';
import { builder } from '../graphql/builder.ts';
import type { Context } from '../graphql/context.ts';
import { selects } from '../graphql/selection.ts';
import { parse } from '../input.ts';
import { newUsage, type Recorded, type Usage, UsageList } from './rules.ts';

const RecordUsageAction = builder.enumType('RecordUsageAction', {
  description: 'What a usage does to the usage of its window.',
  values: {
    ADD: { description: 'Adds `delta`; a negative one reverts.' },
    SET: { description: 'Replaces the usage of the window with `delta`.' },
  } as const,
});

const CreateUsageEventInput = builder.inputType('CreateUsageEventInput', {
  description: 'One usage of a CONSUMABLE feature by a user.',
  fields: (t) => ({
    userId: t.string({ required: true, description: 'The id of the user.' }),
    featureId: t.string({ required: true, description: 'The id of the feature.' }),
    delta: t.int({
      defaultValue: 1,
      description: 'How much was used. With ADD it may be negative, with SET it is 0 or more.',
    }),
    action: t.field({ type: RecordUsageAction, defaultValue: 'ADD', description: 'What `delta` does.' }),
    idempotencyKey: t.string({
      description:
        'A name of this call, unique for the user: sent again, it records nothing and answers as the first time.',
    }),
    timestamp: t.field({
      type: 'DateTime',
      description:
        'When it was used; without it, now. It counts in the window that it falls in. At most 5 minutes ahead, which counts as now.',
    }),
    enforce: t.boolean({
      defaultValue: false,
      description:
        'Record only if the user is entitled to this delta at this instant: never over a hard limit, however many calls race.',
    }),
  }),
});

const descriptions = {
  recorded: 'Whether it is recorded. If so, it is on disk and survives any crash.',
  reason: 'Why it was not recorded, as a sentence; null if it was.',
  duplicate: 'Whether the idempotency key had recorded this call before, so that nothing was recorded now.',
  entitlement: 'Where the user stands right after this call.',
};

const RecordedUsage = builder.objectRef<Recorded>('RecordedUsage').implement({
  description: 'What became of one usage.',
  fields: (t) => ({
    recorded: t.exposeBoolean('recorded', { description: descriptions.recorded }),
    reason: t.exposeString('reason', { nullable: true, description: descriptions.reason }),
    duplicate: t.exposeBoolean('duplicate', { description: descriptions.duplicate }),
    entitlement: t.field({
      type: Entitlement,
      nullable: true,
      description: descriptions.entitlement,
      resolve: ({ standing }) => standing && entitlementOf(standing, 1),
    }),
  }),
});

const RecordUsageError = builder.objectRef<DomainError>('RecordUsageError').implement({
  description: 'Why one usage of a list could not be taken.',
  fields: (t) => ({
    name: t.exposeString('typedName', { description: 'Its typed name, such as `UserNotFoundError`.' }),
    message: t.exposeString('message', { description: 'What is wrong, as a sentence.' }),
    code: t.exposeString('code', { description: '`BAD_USER_INPUT`, `NOT_FOUND` or `CONFLICT`.' }),
  }),
});

const RecordUsageResult = builder.objectRef<Recorded | DomainError>('RecordUsageResult').implement({
  description: 'What became of one usage of a list: the fields of RecordedUsage, or an error.',
  fields: (t) => ({
    recorded: t.boolean({
      description: descriptions.recorded,
      resolve: (result) => !(result instanceof DomainError) && result.recorded,
    }),
    reason: t.string({
      nullable: true,
      description: descriptions.reason,
      resolve: (result) => (result instanceof DomainError ? result.message : result.reason),
    }),
    duplicate: t.boolean({
      description: descriptions.duplicate,
      resolve: (result) => !(result instanceof DomainError) && result.duplicate,
    }),
    entitlement: t.field({
      type: Entitlement,
      nullable: true,
      description: descriptions.entitlement,
      resolve: (result) =>
        result instanceof DomainError ? null : result.standing && entitlementOf(result.standing, 1),
    }),
    error: t.field({
      type: RecordUsageError,
      nullable: true,
      description: 'What was wrong with this usage; its neighbours are not touched by it.',
      resolve: (result) => (result instanceof DomainError ? result : null),
    }),
  }),
});

const inputArg = {
  type: CreateUsageEventInput,
  required: true,
  description: 'The usage.',
} as const;

builder.mutationFields((t) => ({
  recordUsage: t.field({
    type: RecordedUsage,
    nullable: true,
    description:
      'Records usage of a CONSUMABLE feature, over the budget too unless `enforce` is set: it has already happened. Answered once it is on disk.',
    args: { input: t.arg(inputArg) },
    resolve: (_root, { input }, context, info) => recordOne(input, context, selects(info, 'entitlement')),
  }),
  recordUsages: t.field({
    type: [RecordUsageResult],
    description: 'Records up to 1,000 usages, and answers one result for each, in order.',
    args: {
      input: t.arg({ type: [CreateUsageEventInput], required: true, description: 'The usages, in order.' }),
    },
    resolve: (_root, { input }, context, info) => recordList(parse(UsageList, input, 'input'), context, info),
  }),
  createUsageEvent: t.boolean({
    nullable: true,
    deprecationReason: 'Use recordUsage.',
    description: 'Records usage as recordUsage does; true when it is recorded.',
    args: { input: t.arg(inputArg) },
    resolve: async (_root, { input }, context) => (await recordOne(input, context, false)).recorded,
  }),
}));

/** Reads one usage of the arguments; `field` is its path in them. */
function readUsage(input: unknown, environmentId: string, field: string): Usage {
  return { ...parse(newUsage(new Date()), input, field), environmentId, source: 'API' };
}

async function recordOne(input: unknown, context: Context, withStanding: boolean): Promise<Recorded> {
  const usage = readUsage(input, context.environmentId, 'input');
  const [result] = await context.recordUsage([usage], { withStanding });
  if (result === undefined) throw new Error('a usage was left without a result');
  if (result instanceof Error) throw result;
  return result;
}

/** One bad usage of a list never fails its neighbours: it gets its own error. */
async function recordList(inputs: unknown[], context: Context, info: GraphQLResolveInfo) {
  const usages = inputs.map((input, index) => {
    try {
      return readUsage(input, context.environmentId, `input.${index}`);
    } catch (error) {
      if (error instanceof DomainError) return error;
      throw error;
    }
  });
  const readable = usages.filter((usage): usage is Usage => !(usage instanceof DomainError));
  const results = await context.recordUsage(readable, { withStanding: selects(info, 'entitlement') });
  return usages.map((usage) => {
    const result = usage instanceof DomainError ? usage : results.shift();
    if (result instanceof Error && !(result instanceof DomainError)) throw result;
    return result as Recorded | DomainError;
  });
}
