import type { GraphQLResolveInfo } from 'graphql';
import { Entitlement } from '../../entitlements/graphql.ts';
import { entitlementOf } from '../../entitlements/rules.ts';
import { DomainError } from '../../errors.ts';
import { builder, type Fields } from '../../graphql/builder.ts';
import type { Context } from '../../graphql/context.ts';
import { selects } from '../../graphql/selection.ts';
import { parse } from '../../input.ts';
import { type Recorded, readUsage, type Usage, UsageList } from './rules.ts';

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
        'A name of this call, 1 to 255 characters, unique for the user: sent again, it records nothing and answers as the first time. With another feature, delta or action it is an `IdempotencyKeyConflictError`. A call that was refused leaves it free.',
    }),
    timestamp: t.field({
      type: 'DateTime',
      description:
        'When it was used; without it, now. It counts in the window that it falls in. At most 5 minutes ahead, which counts as now.',
    }),
    enforce: t.boolean({
      defaultValue: false,
      description:
        'Record only if the user is entitled to this delta at this instant: never over a hard limit, however many calls race. With a `timestamp`, in the window that it falls in. A negative delta is never refused, and SET is judged by its delta alone.',
    }),
    note: t.string({
      description:
        'Why it is recorded, in words, up to 255 characters: it stands beside the usage in the ledger.',
    }),
  }),
});

function recordedFields<Shape extends Recorded>(t: Fields<Shape>) {
  return {
    recorded: t.boolean({
      description: 'Whether it is recorded. If so, it is on disk and survives any crash.',
      resolve: ({ recorded }) => recorded,
    }),
    reason: t.string({
      nullable: true,
      description: 'Why it was not recorded, as a sentence; null if it was.',
      resolve: ({ reason }) => reason,
    }),
    duplicate: t.boolean({
      description:
        'Whether the idempotency key had recorded this call before, so that nothing was recorded now.',
      resolve: ({ duplicate }) => duplicate,
    }),
    entitlement: t.field({
      type: Entitlement,
      nullable: true,
      description: 'Where the user stands right after this call.',
      resolve: ({ standing }) => standing && entitlementOf(standing, 1),
    }),
  };
}

const RecordedUsage = builder.objectRef<Recorded>('RecordedUsage').implement({
  description: 'What became of one usage.',
  fields: recordedFields,
});

/** An error as data: GraphQL takes an Error object in a list for a failure of the whole list. */
interface ItemError {
  name: string;
  message: string;
  code: string;
}

const RecordUsageError = builder.objectRef<ItemError>('RecordUsageError').implement({
  description: 'Why one usage of a list could not be taken.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its typed name, such as `UserNotFoundError`.' }),
    message: t.exposeString('message', { description: 'What is wrong, as a sentence.' }),
    code: t.exposeString('code', {
      description:
        '`BAD_USER_INPUT`, `NOT_FOUND` or `CONFLICT`; or, where only others of the list could be recorded, `SERVICE_UNAVAILABLE` or `INTERNAL_SERVER_ERROR`: send this usage again, with its key if it has one.',
    }),
  }),
});

const RecordUsageResult = builder
  .objectRef<Recorded & { error: ItemError | null }>('RecordUsageResult')
  .implement({
    description: 'What became of one usage of a list: the fields of RecordedUsage, or an error.',
    fields: (t) => ({
      ...recordedFields(t),
      error: t.expose('error', {
        type: RecordUsageError,
        nullable: true,
        description: 'What was wrong with this usage; its neighbours are not touched by it.',
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
      'Records usage of a CONSUMABLE feature, over the budget too unless `enforce` is set: it has already happened. Answered once it is on disk. For a BINARY feature `recorded` is false. `UserNotFoundError` or `FeatureNotFoundError` if unknown, `IdempotencyKeyConflictError` if the key names another usage.',
    args: { input: t.arg(inputArg) },
    resolve: (_root, { input }, context, info) => recordOne(input, context, selects(info, 'entitlement')),
  }),
  recordUsages: t.field({
    type: [RecordUsageResult],
    description:
      'Records up to 1,000 usages, and answers one result for each, in order. A list that holds SET or `enforce` is applied in order, in one transaction; of others each usage is recorded by itself.',
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

/** What time it is for these usages. Only their timestamps are compared with it: without any, nothing is asked. */
async function clockFor(inputs: readonly unknown[], { readClock }: Context): Promise<Date> {
  const isTimed = inputs.some((input) => (input as { timestamp?: unknown } | null)?.timestamp);
  return isTimed ? readClock() : new Date();
}

const usageOf = (input: unknown, { environmentId }: Context, field: string, now: Date): Usage => ({
  ...readUsage(input, field, now),
  environmentId,
  source: 'API',
});

/** Who records in the console, which is by hand. Calls with a key are the servers' and leave no trace but the usage. */
const byHandOf = ({ author }: Context) => (author.kind === 'CONSOLE' ? author : null);

async function recordOne(input: unknown, context: Context, withStanding: boolean): Promise<Recorded> {
  const usage = usageOf(input, context, 'input', await clockFor([input], context));
  const [result] = await context.recordUsage([usage], { withStanding, byHandOf: byHandOf(context) });
  if (result === undefined) throw new Error('a usage was left without a result');
  if (result instanceof Error) throw result;
  return result;
}

/** One bad usage of a list never fails its neighbours: it gets its own error. */
async function recordList(inputs: unknown[], context: Context, info: GraphQLResolveInfo) {
  const now = await clockFor(inputs, context);
  const usages = inputs.map((input, index) => {
    try {
      return usageOf(input, context, `input.${index}`, now);
    } catch (error) {
      if (error instanceof DomainError) return error;
      throw error;
    }
  });
  const readable = usages.filter((usage): usage is Usage => !(usage instanceof DomainError));
  const results = await context.recordUsage(readable, {
    withStanding: selects(info, 'entitlement'),
    byHandOf: byHandOf(context),
  });
  // What is known of some is told, lest they are sent again; if nothing is known, the call has failed as a whole.
  const [failure] = results;
  if (failure !== undefined && results.every(isFailure)) throw failure;
  return usages.map((usage) => itemResult(usage instanceof DomainError ? usage : results.shift(), context));
}

const isFailure = (result: Recorded | Error) => result instanceof Error && !(result instanceof DomainError);

function itemResult(
  result: Recorded | Error | undefined,
  { tellFault }: Context,
): Recorded & { error: ItemError | null } {
  if (result === undefined) throw new Error('a usage was left without a result');
  if (!(result instanceof Error)) return { ...result, error: null };
  const error = itemError(result, tellFault);
  return { recorded: false, reason: error.message, duplicate: false, standing: null, error };
}

function itemError(error: Error, tellFault: Context['tellFault']): ItemError {
  if (error instanceof DomainError)
    return { name: error.typedName, message: error.message, code: error.code };
  const { code, message } = tellFault(error);
  return { name: code === 'SERVICE_UNAVAILABLE' ? 'UnavailableError' : 'InternalServerError', message, code };
}
