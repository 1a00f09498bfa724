import type { UsageInput } from './inputs.ts';
import { onlyField, type Request } from './method.ts';
import { access, mutation, select } from './operations.ts';
import { createError } from './refusal.ts';
import { type ErrorPolicy, guard, type Result, report } from './result.ts';
import type { RecordedUsage } from './types.ts';

/** A usage as it is sent: with a name of its own, and untouched by what the caller does to it later. */
export interface NamedUsage extends UsageInput {
  idempotencyKey: string;
}

/** Sends usages, again if need be, and answers for each of them, in order. */
export type SendUsages = (usages: readonly NamedUsage[]) => Promise<Result<Result<RecordedUsage>[]>>;

/** The two ways in which callers record. */
export interface Recorder {
  one: (usage: UsageInput) => Promise<Result<RecordedUsage>>;
  several: (usages: UsageInput[]) => Promise<Result<Result<RecordedUsage>[]>>;
}

/** What the server answers for one usage of a list. */
type ItemAnswer = RecordedUsage & { error: { name: string; message: string; code: string } | null };

const recorded = 'recorded reason duplicate';

const recordOne = (entitlement: string) =>
  mutation('recordUsage', 'input: CreateUsageEventInput!', select(recorded, entitlement));

const recordSeveral = (entitlement: string) =>
  mutation(
    'recordUsages',
    'input: [CreateUsageEventInput!]!',
    select(recorded, 'error { name message code }', entitlement),
  );

/** The entitlement after a usage costs the server a look: it is asked for only where it is wanted. */
const wanted = ({ includeEntitlement }: UsageInput) =>
  includeEntitlement ? `entitlement { ${access} }` : '';

/** @param add takes a usage into the buffer; without it, each is sent at once */
export function createRecorder(
  request: Request,
  policy: ErrorPolicy,
  add: ((usage: NamedUsage) => Promise<Result<RecordedUsage>>) | undefined,
): Recorder {
  const send =
    add ?? (async (usage) => onlyField(await request(recordOne(wanted(usage)), { input: inputOf(usage) })));
  const sendUsages = createSendUsages(request);
  return {
    one: (usage) => guard(policy, async () => send(nameUsage(usage))),
    several: (usages) =>
      guard(policy, async () => {
        const results = await sendUsages(usages.map(nameUsage));
        for (const { error } of results.data ?? []) if (error) await report(policy, error);
        return results;
      }),
  };
}

export function createSendUsages(request: Request): SendUsages {
  return async (usages) => {
    const document = recordSeveral(usages.map(wanted).find(Boolean) ?? '');
    const answer = await request<Record<string, ItemAnswer[]>>(document, { input: usages.map(inputOf) });
    const { data, error } = onlyField(answer);
    return error ? { error } : { data: data.map((item, index) => resultOf(item, usages[index])) };
  };
}

/**
 * Names a usage, once: whoever sends it again sends the same name, and the server counts it once. Guides write
 * `delta` as text too.
 */
function nameUsage(usage: UsageInput): NamedUsage {
  const { delta } = usage;
  return {
    ...usage,
    delta: typeof delta === 'string' && /^-?\d+$/.test(delta) ? Number(delta) : delta,
    idempotencyKey: usage.idempotencyKey ?? crypto.randomUUID(),
  };
}

/** What the server takes of a usage. */
function inputOf({ includeEntitlement: _, ...input }: NamedUsage): object {
  return input;
}

/** A list is asked as a whole for entitlements: who did not want one does not get it. */
function resultOf(
  { error, entitlement, ...recorded }: ItemAnswer,
  usage: NamedUsage | undefined,
): Result<RecordedUsage> {
  if (error) return { error: createError(error.name, error.message, error.code) };
  return { data: usage?.includeEntitlement ? { ...recorded, entitlement } : recorded };
}
