import type { UsageBuffer } from './buffer.ts';
import type { Caller, Result } from './caller.ts';
import * as operations from './generated/operations.ts';
import type { UsageInput } from './inputs.ts';
import { createServerError } from './server-error.ts';
import type { Entitlement, RecordedUsage } from './types.ts';

/** A usage as it is sent: with an idempotency key, and untouched by what the caller does to it later. */
export interface KeyedUsage extends UsageInput {
  idempotencyKey: string;
}

/** What the server answers for one usage of a list. */
interface ItemAnswer extends RecordedUsage {
  error: { name: string; message: string; code: string } | null;
}

/** Sends usages, at once or through a buffer. */
export class UsageSender {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Throws a KanaError. */
  sendOne(usage: KeyedUsage): Promise<RecordedUsage> {
    // Reading the entitlement costs the server a query, so it is asked for only where it is wanted.
    const operation = usage.includeEntitlement
      ? operations.RecordUsageWithEntitlement
      : operations.RecordUsage;
    return this.#caller.send(
      operation,
      { input: toInput(usage) },
      (data) => data.recordUsage as RecordedUsage, // Kana's schema lets it be null. It never is.
    );
  }

  /** Answers each usage, in order. Throws a KanaError. */
  sendAll(usages: readonly KeyedUsage[]): Promise<Result<RecordedUsage>[]> {
    const operation = usages.some(({ includeEntitlement }) => includeEntitlement)
      ? operations.RecordUsagesWithEntitlement
      : operations.RecordUsages;
    return this.#caller.send(operation, { input: usages.map(toInput) }, (data) => {
      const answers: ItemAnswer[] = data.recordUsages;
      return usages.map((usage, index) => resultOf(answers[index] as ItemAnswer, usage));
    });
  }
}

/** The two ways in which callers record usage. */
export class Recorder {
  readonly #caller: Caller;
  readonly #sender: UsageSender;
  readonly #buffer: UsageBuffer | null;

  /** @param buffer takes single usages. With null they are sent at once */
  constructor(caller: Caller, sender: UsageSender, buffer: UsageBuffer | null) {
    this.#caller = caller;
    this.#sender = sender;
    this.#buffer = buffer;
  }

  recordUsage(usage: UsageInput): Promise<Result<RecordedUsage>> {
    return this.#caller.run(async () => {
      const keyed = withKey(usage);
      return this.#buffer ? this.#buffer.add(keyed) : this.#sender.sendOne(keyed);
    });
  }

  recordUsages(usages: UsageInput[]): Promise<Result<Result<RecordedUsage>[]>> {
    return this.#caller.run(async () => {
      const results = await this.#sender.sendAll(usages.map(withKey));
      for (const { error } of results) if (error) await this.#caller.report(error);
      return results;
    });
  }
}

/** Text that a number holds exactly. */
const decimal = /^-?(?=[\d.]{1,16}$)\d+(\.\d+)?$/;

/** A delta as it is sent. Guides write it as text too. JSON has no NaN: as text the server refuses it. */
const sentDelta = (delta: number | string): number | string =>
  decimal.test(String(delta)) || Number.isFinite(delta) ? Number(delta) : String(delta);

/** Gives a usage its key, once: every repeat sends the same key, and the server counts it once. */
const withKey = ({ delta, ...usage }: UsageInput): KeyedUsage => ({
  ...usage,
  ...(delta == null ? {} : { delta: sentDelta(delta) }),
  idempotencyKey: usage.idempotencyKey ?? crypto.randomUUID(),
});

/** What the server takes of a usage. It refuses a `delta` that is text and an invalid date, with the reason. */
const toInput = ({ includeEntitlement: _, ...input }: KeyedUsage): operations.CreateUsageEventInput =>
  input as operations.CreateUsageEventInput;

/**
 * The result for one usage of a list. Throws a KanaError if the server failed at it: then it is not decided, and the
 * whole list is sent again, which the keys make exact.
 */
function resultOf({ error, entitlement, ...recorded }: ItemAnswer, usage: KeyedUsage): Result<RecordedUsage> {
  if (error) {
    const refusal = createServerError(error);
    if (Number(refusal.response?.status) >= 500) throw refusal;
    return { error: refusal };
  }
  // The entitlement is asked for the list as a whole. Only those who want it get it.
  return usage.includeEntitlement
    ? { data: { ...recorded, entitlement: entitlement as Entitlement | null } }
    : { data: recorded };
}
