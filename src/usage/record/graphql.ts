import { oneUnit } from '../../amount.ts';
import { Entitlement } from '../../entitlements/graphql.ts';
import { entitlementOf } from '../../entitlements/rules.ts';
import { DomainError } from '../../errors.ts';
import { builder, type Fields } from '../../graphql/builder.ts';
import type { Context } from '../../graphql/context.ts';
import { type ItemError, isFailure, itemErrorOf, RecordUsageError } from '../../graphql/item-error.ts';
import { type PlannedInfo, planned } from '../../graphql/plans/compile.ts';
import { selects } from '../../graphql/selection.ts';
import { parse } from '../../input.ts';
import { mapInSlices } from '../../slices.ts';
import { type Recorded, readUsage, type Usage, UsageList } from './rules.ts';

export const RecordUsageAction = builder.enumType('RecordUsageAction', {
  description: 'The effect on the usage of the window.',
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
    delta: t.field({
      type: 'Amount',
      defaultValue: 1,
      description: 'The amount. With ADD it may be negative; with SET it is 0 or more.',
    }),
    action: t.field({ type: RecordUsageAction, defaultValue: 'ADD', description: 'The effect of `delta`.' }),
    idempotencyKey: t.string({
      description:
        'A key of this call, 1 to 255 characters, unique for the user. A repeated call records nothing and returns the first result. With another feature, delta or action it fails with `IdempotencyKeyConflictError`. A refused call does not use up the key.',
    }),
    timestamp: t.field({
      type: 'DateTime',
      description:
        'The time of the usage; default: now. It decides the window. It may be at most 5 minutes in the future, which counts as now.',
    }),
    enforce: t.boolean({
      defaultValue: false,
      description:
        'Record only if the user is entitled to this delta at this instant. Concurrent calls never exceed a hard limit. With a `timestamp`, its window counts. A negative delta is never refused; for SET, only the delta counts.',
    }),
    note: t.string({
      description: 'A note about this usage, up to 255 characters. The ledger keeps it.',
    }),
  }),
});

function recordedFields<Shape extends Recorded>(t: Fields<Shape>) {
  return {
    recorded: t.boolean({
      description: 'Whether the usage is recorded. If so, it is on disk and survives a crash.',
      resolve: ({ recorded }) => recorded,
    }),
    reason: t.string({
      nullable: true,
      description: 'Why the usage was not recorded, as a sentence; null if it was.',
      resolve: ({ reason }) => reason,
    }),
    duplicate: t.boolean({
      description:
        'Whether an earlier call with this idempotency key recorded the usage, so that this call did not.',
      resolve: ({ duplicate }) => duplicate,
    }),
    entitlement: t.field({
      type: Entitlement,
      nullable: true,
      description: 'The entitlement directly after this call.',
      resolve: ({ standing }) => standing && entitlementOf(standing, oneUnit),
    }),
  };
}

export const RecordedUsage = builder.objectRef<Recorded>('RecordedUsage').implement({
  description: 'The result of one usage.',
  fields: recordedFields,
});

const RecordUsageResult = builder
  .objectRef<Recorded & { error: ItemError | null }>('RecordUsageResult')
  .implement({
    description: 'The result of one usage of a list: the fields of RecordedUsage, or an error.',
    fields: (t) => ({
      ...recordedFields(t),
      error: t.expose('error', {
        type: RecordUsageError,
        nullable: true,
        description: 'The error of this usage; it does not affect the others.',
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
    extensions: planned,
    type: RecordedUsage,
    nullable: true,
    description:
      'Records usage of a CONSUMABLE feature, even over the budget unless `enforce` is set, because the usage has already happened. Returns after the usage is on disk. For a BINARY feature `recorded` is false. `UserNotFoundError` or `FeatureNotFoundError` if an id is unknown, `IdempotencyKeyConflictError` if the key belongs to another usage.',
    args: { input: t.arg(inputArg) },
    resolve: (_root, { input }, context, info) => recordOne(input, context, selectsEntitlement(info)),
  }),
  recordUsages: t.field({
    extensions: planned,
    type: [RecordUsageResult],
    description:
      'Records up to 1,000 usages and returns one result for each, in order. A list with SET or `enforce` is applied in order, in one transaction; otherwise each usage is recorded on its own.',
    args: {
      input: t.arg({ type: [CreateUsageEventInput], required: true, description: 'The usages, in order.' }),
    },
    resolve: (_root, { input }, context, info) => recordList(parse(UsageList, input, 'input'), context, info),
  }),
  createUsageEvent: t.boolean({
    extensions: planned,
    nullable: true,
    deprecationReason: 'Use recordUsage.',
    description: 'Records usage like recordUsage; true if it is recorded.',
    args: { input: t.arg(inputArg) },
    resolve: async (_root, { input }, context) => (await recordOne(input, context, false)).recorded,
  }),
}));

const selectsEntitlement = (info: PlannedInfo): boolean =>
  info.selected?.has('entitlement') ?? selects(info, 'entitlement');

/** The current time for these usages. Only timestamps are compared with it, so without any the database is not asked. */
async function clockFor(inputs: readonly unknown[], { readClock }: Context): Promise<Date> {
  const isTimed = inputs.some((input) => (input as { timestamp?: unknown } | null)?.timestamp);
  return isTimed ? readClock() : new Date();
}

/** The spread comes last: properties after it would cost 2 µs a usage. */
const usageOf = (input: unknown, { environmentId }: Context, field: string, now: Date): Usage => ({
  environmentId,
  source: 'API',
  ...readUsage(input, field, now),
});

/** The author of usage recorded by hand in the console; null for calls with a key, which are not audited. */
export const byHandOf = ({ author }: Context) => (author.kind === 'CONSOLE' ? author : null);

async function recordOne(input: unknown, context: Context, withStanding: boolean): Promise<Recorded> {
  const usage = usageOf(input, context, 'input', await clockFor([input], context));
  const [result] = await context.recordUsage([usage], { withStanding, byHandOf: byHandOf(context) });
  if (result === undefined) throw new Error('a usage has no result');
  if (result instanceof Error) throw result;
  return result;
}

/** An invalid usage of a list gets its own error and does not affect the others. */
async function recordList(inputs: unknown[], context: Context, info: PlannedInfo) {
  const now = await clockFor(inputs, context);
  const read = (input: unknown, index: number) => {
    try {
      return usageOf(input, context, `input.${index}`, now);
    } catch (error) {
      if (error instanceof DomainError) return error;
      throw error;
    }
  };
  const usages = await mapInSlices(inputs, read, context.environmentId);
  const readable = usages.filter((usage): usage is Usage => !(usage instanceof DomainError));
  const results = await context.recordUsage(readable, {
    withStanding: selectsEntitlement(info),
    byHandOf: byHandOf(context),
  });
  // If all usages failed unexpectedly, the call fails. Otherwise each result is returned, so that no usage is sent twice.
  const [failure] = results;
  if (failure !== undefined && results.every(isFailure)) throw failure;
  return usages.map((usage) => itemResult(usage instanceof DomainError ? usage : results.shift(), context));
}

function itemResult(
  result: Recorded | Error | undefined,
  { reportFault }: Context,
): Recorded & { error: ItemError | null } {
  if (result === undefined) throw new Error('a usage has no result');
  if (!(result instanceof Error)) return { ...result, error: null };
  const error = itemErrorOf(result, reportFault);
  return { recorded: false, reason: error.message, duplicate: false, standing: null, error };
}
