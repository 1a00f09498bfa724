import { z } from 'zod';
import { type Amount, AmountInput, fits, type Measure, misfit, oneUnit } from '../../amount.ts';
import type { Standing } from '../../entitlements/rules.ts';
import { featureNotFound, idempotencyConflict, invalidInput, userNotFound } from '../../errors.ts';
import { Id, isPlainId, Note, parse } from '../../input.ts';

const maxClockSkewMs = 5 * 60_000;

/** One usage to record. */
export interface Usage {
  environmentId: string;
  source: 'API' | 'SEGMENT';
  userId: string;
  featureId: string;
  action: 'ADD' | 'SET';
  delta: Amount;
  idempotencyKey: string | null;
  /** The time of the usage; null is now. */
  timestamp: Date | null;
  /** Record only if the user is entitled to it at this instant. */
  enforce: boolean;
  /** Why it is recorded, in words of whoever records it. */
  note?: string | null;
  /** Its path in the arguments, for errors. */
  field?: string;
}

/** The result of one usage. The standing, if requested, is the one directly after it. */
export interface Recorded {
  recorded: boolean;
  reason: string | null;
  duplicate: boolean;
  standing: Standing | null;
}

export const binaryReason = 'Usage is only recorded for consumable features, and this feature is binary.';

/**
 * The input of recordUsage. ADD adds delta; a negative delta reverts usage. SET replaces the usage of the window, so
 * its delta is 0 or more.
 */
const NewUsage = z
  .object({
    userId: Id,
    featureId: Id,
    delta: AmountInput.nullish().transform((delta) => delta ?? oneUnit),
    action: z
      .enum(['ADD', 'SET'])
      .nullish()
      .transform((action) => action ?? 'ADD'),
    idempotencyKey: Id.nullish().transform((key) => key ?? null),
    timestamp: z
      .date()
      .nullish()
      .transform((timestamp) => timestamp ?? null),
    enforce: z
      .boolean()
      .nullish()
      .transform((enforce) => enforce ?? false),
    note: Note.nullish().transform((note) => note ?? null),
  })
  .refine(({ action, delta }) => action === 'ADD' || delta >= 0n, {
    path: ['delta'],
    message: 'must be 0 or more when the action is SET',
  });

type ReadUsage = Omit<Usage, 'environmentId' | 'source'>;

const maxPlainDelta = 1_000_000_000;
const isPlainDelta = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) <= maxPlainDelta;

/**
 * Reads what nearly every call sends: an addition with plain ids and a whole delta. The schema costs ten times as much.
 * Null for everything else, which the schema reads.
 */
function readPlainUsage(input: object, field: string): ReadUsage | null {
  const {
    userId,
    featureId,
    delta,
    action,
    idempotencyKey = null,
    timestamp,
    enforce,
    note,
  } = input as NamedInput;
  if ((action ?? 'ADD') !== 'ADD' || (timestamp ?? null) !== null || (note ?? null) !== null) return null;
  if (typeof (enforce ?? false) !== 'boolean') return null;
  if (!isPlainId(userId) || !isPlainId(featureId) || !isPlainDelta(delta)) return null;
  if (idempotencyKey !== null && !isPlainId(idempotencyKey)) return null;
  return {
    userId,
    featureId,
    action: 'ADD',
    delta: BigInt(delta) * oneUnit,
    idempotencyKey,
    timestamp: null,
    enforce: enforce === true,
    note: null,
    field,
  };
}

type NamedInput = Partial<Record<keyof z.input<typeof NewUsage>, unknown>>;

/**
 * Parses one usage; `field` is its path in the arguments. The timestamp may be up to five minutes in the future, for
 * clocks that are fast.
 */
export function readUsage(input: unknown, field: string, now: Date): ReadUsage {
  const plain = typeof input === 'object' && input !== null ? readPlainUsage(input, field) : null;
  if (plain !== null) return plain;
  const usage = parse(NewUsage, input, field);
  if (usage.timestamp !== null && usage.timestamp.getTime() > now.getTime() + maxClockSkewMs) {
    throw invalidInput(`${field}.timestamp`, 'must not be more than 5 minutes ahead');
  }
  return { ...usage, field };
}

/** The usage that the first call with an idempotency key recorded. */
export type FirstUse = Pick<Usage, 'featureId' | 'action' | 'delta'>;

/** The facts that decide a usage without its budget. */
export interface KnownFacts {
  userKnown: boolean;
  /** Null if the feature is unknown. */
  featureType: Standing['featureType'] | null;
  precision: number;
  /** The earlier usage with the same idempotency key. */
  first: FirstUse | null;
}

export type Decision = Omit<Recorded, 'standing'>;

export const recordedNow: Decision = { recorded: true, reason: null, duplicate: false };

/**
 * Decides the cases that need no budget, in this order: unknown users and features are errors; a BINARY feature records
 * nothing; a repeated idempotency key returns the first result; an amount that the feature cannot have is an error.
 *
 * @returns null if the usage may be recorded
 */
export function decideKnown(
  usage: Usage,
  { userKnown, featureType, precision, first }: KnownFacts,
): Decision | Error | null {
  if (!userKnown) return userNotFound(usage.userId);
  if (featureType === null) return featureNotFound(usage.featureId);
  if (featureType === 'BINARY') return { recorded: false, reason: binaryReason, duplicate: false };
  if (first === null) return checkDelta(usage, { id: usage.featureId, precision });
  if (!repeats(first, usage)) return idempotencyConflict(usage.idempotencyKey ?? '');
  return { recorded: true, reason: null, duplicate: true };
}

const checkDelta = ({ delta, field = 'usage' }: Usage, feature: Measure): Error | null =>
  fits(delta, feature.precision) ? null : misfit(delta, feature, `${field}.delta`);

/** Whether a call repeats the first one with its key. Another feature, delta or action is a conflict. */
const repeats = (first: FirstUse, usage: Usage): boolean =>
  first.featureId === usage.featureId && first.action === usage.action && first.delta === usage.delta;

/** A list of usages. Each item is parsed on its own. */
export const UsageList = z.array(z.unknown()).max(1_000, 'must hold at most 1,000 usages');

/** What to do if another transaction has locked a user: wait, or skip the usage of this user. */
export type IfLocked = 'wait' | 'skip';

/** The number of past windows in a history. */
export const PastPeriods = z.int().min(0, 'must be 0 or more').max(120, 'must be at most 120');
