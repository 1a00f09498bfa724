import type { UsageInput } from './inputs.ts';
import { onlyField, type Request } from './method.ts';
import { access, operation, select } from './operations.ts';
import { createError } from './refusal.ts';
import type { Guard, Report, Result } from './result.ts';
import type { RecordedUsage } from './types.ts';

/** A usage as it is sent: with a name of its own, and untouched by what the caller does to it later. */
export interface NamedUsage extends UsageInput {
  idempotencyKey: string;
}

/** Sends usages, again if need be, and answers for each of them, in order. Throws a KanaError. */
export type SendUsages = (usages: readonly NamedUsage[]) => Promise<Result<RecordedUsage>[]>;

/** The two ways in which callers record. */
export interface Recorder {
  /**
   * Records a usage, exactly once however often it has to be sent: every usage has an idempotency key, which its
   * repeats keep. Answered once it is on disk. With buffering it is sent together with others; the answer comes
   * when the server has judged it, so those who do not want to wait do not `await`. Errors: `UserNotFoundError`,
   * `FeatureNotFoundError`, `InputError`, `ConflictError`, `BufferFullError`.
   */
  recordUsage: (usage: UsageInput) => Promise<Result<RecordedUsage>>;

  /**
   * Records up to 1,000 usages in one call, which is never buffered, and answers for each of them, in order. One
   * that is refused leaves the others alone. With an `error`, some may be recorded: send all of them again, which
   * is exact with `idempotencyKey`s of your own.
   */
  recordUsages: (usages: UsageInput[]) => Promise<Result<Result<RecordedUsage>[]>>;
}

/** What the server answers for one usage of a list. */
type ItemAnswer = RecordedUsage & { error: { name: string; message: string; code: string } | null };

/** The entitlement after a usage costs the server a look: it is asked for only where it is wanted. */
function record(field: string, inputType: string, selection: string, usages: readonly UsageInput[]): string {
  const entitlement = usages.some((usage) => usage.includeEntitlement) ? `entitlement {${access}}` : '';
  return operation('mutation', field, `input: ${inputType}`, select(selection, entitlement));
}

const recorded = 'recorded reason duplicate';

/** Sends a usage at once. */
export const createSendUsage =
  (request: Request) =>
  (usage: NamedUsage): Promise<RecordedUsage> =>
    request(record('recordUsage', 'CreateUsageEventInput!', recorded, [usage]), { input: inputOf(usage) });

export const createSendUsages =
  (request: Request): SendUsages =>
  (usages) =>
    request(
      record('recordUsages', '[CreateUsageEventInput!]!', `${recorded} error { name message code }`, usages),
      { input: usages.map(inputOf) },
      (data) => {
        const answers = onlyField<ItemAnswer[]>(data);
        return usages.map((usage, index) => resultOf(answers[index] as ItemAnswer, usage));
      },
    );

/** @param sendUsage sends one usage, or takes it into the buffer */
export const createRecorder = (
  sendUsage: (usage: NamedUsage) => Promise<RecordedUsage>,
  sendUsages: SendUsages,
  guard: Guard,
  report: Report,
): Recorder => ({
  recordUsage: (usage) => guard(() => sendUsage(nameUsage(usage))),
  recordUsages: (usages) =>
    guard(async () => {
      const results = await sendUsages(usages.map(nameUsage));
      for (const { error } of results) if (error) await report(error);
      return results;
    }),
});

/**
 * Names a usage, once: whoever sends it again sends the same name, and the server counts it once. Guides write
 * `delta` as text too.
 */
const nameUsage = ({ delta, ...usage }: UsageInput): NamedUsage => ({
  ...usage,
  delta: /^-?\d+$/.test(String(delta)) ? Number(delta) : delta,
  idempotencyKey: usage.idempotencyKey ?? crypto.randomUUID(),
});

/** What the server takes of a usage. */
const inputOf = ({ includeEntitlement: _, ...input }: NamedUsage): object => input;

/**
 * What became of one usage of a list. Throws a KanaError if the server failed at it: then it is not judged, and all of
 * the list is sent again, which its names make exact.
 */
function resultOf({ error, entitlement, ...recorded }: ItemAnswer, usage: NamedUsage): Result<RecordedUsage> {
  if (error) {
    const refusal = createError(error.name, error.message, error.code);
    if (Number(refusal.response?.status) >= 500) throw refusal;
    return { error: refusal };
  }
  // A list is asked as a whole for entitlements: who did not want one does not get it.
  return { data: usage.includeEntitlement ? { ...recorded, entitlement } : recorded };
}
