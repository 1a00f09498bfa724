import { z } from 'zod';
import { type Amount, NonNegativeAmount, oneUnit } from '../amount.ts';
import type { EntitlementReport } from '../entitlements/report-rules.ts';
import { DomainError, invalidInput } from '../errors.ts';
import { Id, parse } from '../input.ts';

/** The error codes of OFREP, of which each client knows what to do. */
export type OfrepErrorCode =
  | 'PARSE_ERROR'
  | 'TARGETING_KEY_MISSING'
  | 'INVALID_CONTEXT'
  | 'FLAG_NOT_FOUND'
  | 'GENERAL';

/** An error as OFREP tells it, with its HTTP status. */
export interface OfrepError {
  status: number;
  errorCode: OfrepErrorCode;
  errorDetails: string;
}

/** What a caller wants to know. */
export interface Evaluation {
  userId: string;
  delta: Amount;
  as: ValueKind;
}

/** What the value of a flag is. */
type ValueKind = 'access' | 'remaining' | 'entitlement';

/** The names that the context may give to it: what it is, or its type. */
const valueKinds = {
  access: 'access',
  boolean: 'access',
  remaining: 'remaining',
  number: 'remaining',
  entitlement: 'entitlement',
  object: 'entitlement',
} as const satisfies Record<string, ValueKind>;

const Context = z.object({
  amount: NonNegativeAmount.nullish().transform((amount) => amount ?? oneUnit),
  as: z
    .string()
    .nullish()
    .transform((name) => name ?? 'access')
    .pipe(
      z
        .enum(Object.keys(valueKinds) as (keyof typeof valueKinds)[], {
          message: 'must be access, remaining or entitlement',
        })
        .transform((name) => valueKinds[name]),
    ),
});

const Sent = z.object({ context: z.record(z.string(), z.unknown()).nullish() });

const failed = (status: number, errorCode: OfrepErrorCode, errorDetails: string): OfrepError => ({
  status,
  errorCode,
  errorDetails,
});

/**
 * Reads a request. Every other property of its context is ignored: applications share one context among many flags.
 *
 * @param sent the parsed body; undefined if it is not JSON
 * @param ownUserId the one user whom the caller may ask about; null for every user
 */
export function readEvaluation(sent: unknown, ownUserId: string | null): Evaluation | OfrepError {
  const { data } = Sent.safeParse(sent);
  if (data === undefined)
    return failed(400, 'PARSE_ERROR', 'The body must be a JSON object, with the context as an object.');
  const { targetingKey, ...context } = data.context ?? {};
  const userId = targetingKey ?? ownUserId;
  if (userId === null || userId === '')
    return failed(400, 'TARGETING_KEY_MISSING', 'The targetingKey must be the id of a user.');
  if (ownUserId !== null && userId !== ownUserId)
    return failed(403, 'INVALID_CONTEXT', 'These credentials are for another user than the targetingKey.');
  try {
    const { amount: delta, as } = parse(Context, context, 'context');
    return { userId: parse(Id, userId, 'context.targetingKey'), delta, as };
  } catch (error) {
    return errorOf(error);
  }
}

/** Returns the error of a caller's mistake. Rethrows any other error. */
export function errorOf(error: unknown): OfrepError {
  if (!(error instanceof DomainError)) throw error;
  return error.typedName === 'FeatureNotFoundError'
    ? failed(404, 'FLAG_NOT_FOUND', error.message)
    : failed(400, 'INVALID_CONTEXT', error.message);
}

/** An evaluated flag, or why its value is not of the kind that was asked for. */
export type Flag =
  | { key: string; errorCode: OfrepErrorCode; errorDetails: string }
  | { key: string; value: unknown; reason: string; variant: string; metadata: object };

/**
 * JSON has no number for what is unlimited. This is the largest one that every parser reads exactly; `unlimited` in the
 * metadata says what it means.
 */
export const unlimited = 999_999_999_999_999;

/** Returns an entitlement as a flag. Metadata of OpenFeature has no null: what is not there is left out. */
export function flagOf(report: EntitlementReport, as: ValueKind): Flag {
  const { featureId: key, access, reason: description, consumption, packageId } = report;
  if (as === 'remaining' && report.featureType === 'BINARY') {
    const { message } = invalidInput('context.as', `"${key}" is a BINARY feature: nothing of it remains`);
    return { key, errorCode: 'INVALID_CONTEXT', errorDetails: message };
  }
  const isUnlimited = consumption !== null && consumption.budget === null;
  const facts = { ...consumption, packageId, description, unlimited: isUnlimited || null };
  const metadata = Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== null));
  const values = {
    access,
    remaining: isUnlimited ? unlimited : (consumption?.remaining ?? 0),
    entitlement: { access, reason: description, consumption, packageId },
  };
  const variant = access ? 'granted' : 'denied';
  return { key, value: values[as], reason: 'TARGETING_MATCH', variant, metadata };
}
