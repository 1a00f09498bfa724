import { z } from 'zod';
import type { Standing } from '../../entitlements/rules.ts';
import { featureNotFound, idempotencyConflict, invalidInput, userNotFound } from '../../errors.ts';
import { Id, Note, parse } from '../../input.ts';

const maxClockSkewMs = 5 * 60_000;

/** One usage to record, as its caller meant it. */
export interface Usage {
  environmentId: string;
  source: 'API' | 'SEGMENT';
  userId: string;
  featureId: string;
  action: 'ADD' | 'SET';
  delta: number;
  idempotencyKey: string | null;
  /** When it was used; null is now. */
  timestamp: Date | null;
  /** Record only what the user is entitled to at this instant. */
  enforce: boolean;
  /** Why it is recorded, in words of whoever records it. */
  note?: string | null;
}

/** What became of one usage. The standing, where it was asked for, is the one right after it. */
export interface Recorded {
  recorded: boolean;
  reason: string | null;
  duplicate: boolean;
  standing: Standing | null;
}

export const binaryReason = 'Usage is only recorded for consumable features, and this feature is binary.';

/**
 * The input of recordUsage. ADD adds delta, and a negative one reverts; SET replaces the window's usage, so it
 * takes no less than 0.
 */
const NewUsage = z
  .object({
    userId: Id,
    featureId: Id,
    delta: z
      .int()
      .nullish()
      .transform((delta) => delta ?? 1),
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
  .refine(({ action, delta }) => action === 'ADD' || delta >= 0, {
    path: ['delta'],
    message: 'must be 0 or more when the action is SET',
  });

/**
 * Reads one usage of the arguments; `field` is its path in them. A clock that runs up to five minutes fast is
 * forgiven.
 */
export function readUsage(input: unknown, field: string, now: Date): Omit<Usage, 'environmentId' | 'source'> {
  const usage = parse(NewUsage, input, field);
  if (usage.timestamp !== null && usage.timestamp.getTime() > now.getTime() + maxClockSkewMs) {
    throw invalidInput(`${field}.timestamp`, 'must not be more than 5 minutes ahead');
  }
  return usage;
}

/** What the first call with an idempotency key recorded. */
export type FirstUse = Pick<Usage, 'featureId' | 'action' | 'delta'>;

/** What decides a usage before anybody looks at budgets. */
export interface Known {
  userKnown: boolean;
  /** Null when there is no such feature. */
  featureType: Standing['featureType'] | null;
  /** What was recorded before under the same idempotency key. */
  first: FirstUse | null;
}

export type Decision = Omit<Recorded, 'standing'>;

export const recordedNow: Decision = { recorded: true, reason: null, duplicate: false };

/**
 * Decides what needs no budget, in this order: unknown users and features are errors; a binary feature records
 * nothing; a repeated idempotency key answers as the first call did.
 *
 * @returns null for a usage that may be recorded
 */
export function decideKnown(usage: Usage, { userKnown, featureType, first }: Known): Decision | Error | null {
  if (!userKnown) return userNotFound(usage.userId);
  if (featureType === null) return featureNotFound(usage.featureId);
  if (featureType === 'BINARY') return { recorded: false, reason: binaryReason, duplicate: false };
  if (first === null) return null;
  if (!repeats(first, usage)) return idempotencyConflict(usage.idempotencyKey ?? '');
  return { recorded: true, reason: null, duplicate: true };
}

/** The same idempotency key means the same call: one with another feature, delta or action is a conflict. */
const repeats = (first: FirstUse, usage: Usage): boolean =>
  first.featureId === usage.featureId && first.action === usage.action && first.delta === usage.delta;

/** A list of usages is taken whole, and each of them read by itself. */
export const UsageList = z.array(z.unknown()).max(1_000, 'must hold at most 1,000 usages');

/** What to do about a user whom somebody else has locked: wait, or skip what is about that user. */
export type IfLocked = 'wait' | 'skip';

/** How many past windows a history shows. */
export const PastPeriods = z.int().min(0, 'must be 0 or more').max(120, 'must be at most 120');
