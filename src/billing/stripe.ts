import { setTimeout as sleep } from 'node:timers/promises';
import type Stripe from 'stripe';
import { DomainError, subscriptionError } from '../errors.ts';
import { createHttpClient } from './http-client.ts';

/** How Stripe is reached. */
export interface StripeAddress {
  /** Another address than Stripe's own, for tests and proxies. */
  apiBase: string | undefined;
  /** How long one call may take, for tests. */
  timeoutMs?: number;
}

/** Of an environment without a connection. */
export const notConnected = () =>
  new DomainError(
    'BAD_USER_INPUT',
    'StripeNotConnectedError',
    'This environment is not connected with Stripe: connect it with connectStripe, or on the page Stripe of the console.',
  );

/** One call may take this long, from the connection to the end of the answer, and is tried again twice. */
const defaultTimeoutMs = 20_000;
const maxNetworkRetries = 2;

/** Opens Stripe's library with this key. It is loaded when the first environment is connected. */
export async function openStripe(
  secretKey: string,
  { apiBase, timeoutMs = defaultTimeoutMs }: StripeAddress,
): Promise<Stripe> {
  const { default: StripeClient } = await import('stripe');
  return new StripeClient(secretKey, {
    timeout: timeoutMs,
    maxNetworkRetries,
    httpClient: createHttpClient(),
    telemetry: false,
    ...hostOf(apiBase),
  });
}

function hostOf(apiBase: string | undefined) {
  if (apiBase === undefined) return {};
  const { hostname, port, protocol } = new URL(apiBase);
  const isPlain = protocol === 'http:';
  return {
    host: hostname,
    port: port === '' ? (isPlain ? 80 : 443) : Number(port),
    protocol: isPlain ? ('http' as const) : ('https' as const),
  };
}

export interface StripeFailure extends Error {
  type: string;
  statusCode?: number;
  code?: string;
  headers?: Record<string, string | undefined>;
}

/** Whether an error is one of Stripe's library; its class is only known once the library is loaded. */
export const isStripeFailure = (error: unknown): error is StripeFailure =>
  error instanceof Error && 'type' in error && String(error.type).startsWith('Stripe');

/** Whether Stripe has no such object. */
export const isMissing = (error: unknown) => isStripeFailure(error) && error.code === 'resource_missing';

/** Whether Stripe was asked too often. */
const isRateLimited = (error: unknown) =>
  isStripeFailure(error) && (error.type === 'StripeRateLimitError' || error.statusCode === 429);

/** Whether Stripe had an error of its own, or could not be reached. */
export const isOutage = (error: unknown) =>
  isStripeFailure(error) && (error.statusCode === undefined || error.statusCode >= 500);

/** The waits after Stripe said that it was asked too often, or could not answer. */
const pausesMs = [1_000, 2_000, 4_000, 8_000, 16_000];
/** Stripe may ask for longer waits, up to this. */
const maxPauseMs = 60_000;

/** How long to wait after an error: as long as Stripe asks for, but no shorter than planned. */
export function pauseAfter(error: unknown, plannedMs: number): number {
  const asked = isStripeFailure(error) ? Number(error.headers?.['retry-after']) * 1_000 : 0;
  return asked > plannedMs ? Math.min(asked, maxPauseMs) : plannedMs;
}

/**
 * Asks Stripe, later again if it was asked too often. For background work, which nobody waits for.
 *
 * @param mayPass what else passes by itself
 */
export async function withRetries<Result>(
  stop: AbortSignal,
  work: () => Promise<Result>,
  mayPass: (error: unknown) => boolean = () => false,
): Promise<Result> {
  for (const pauseMs of pausesMs) {
    try {
      return await work();
    } catch (error) {
      if (!isRateLimited(error) && !mayPass(error)) throw error;
      await sleep(pauseAfter(error, pauseMs), undefined, { signal: stop });
    }
  }
  return work();
}

/** Whether the key lacks a right. */
export const isForbidden = (error: unknown) =>
  isStripeFailure(error) && (error.type === 'StripePermissionError' || error.statusCode === 403);

/** Whether the key is unknown or revoked. */
export const isUnknownKey = (error: unknown) =>
  isStripeFailure(error) && (error.type === 'StripeAuthenticationError' || error.statusCode === 401);

/** Runs a change at Stripe. If it fails there, nothing has changed here. @throws what `refuse` makes of Stripe's reason */
export async function atStripe<Result>(
  work: () => Promise<Result>,
  refuse: (message: string) => Error = subscriptionError,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isStripeFailure(error)) throw error;
    throw refuse(`Stripe refused or could not be reached, and nothing was changed: ${reasonOf(error)}`);
  }
}

/** Whether everything else that is asked with this key fails too, or would now. */
export const isAboutAll = (error: unknown) =>
  isForbidden(error) || isUnknownKey(error) || isRateLimited(error) || isOutage(error);

/** An error as it may be logged: Stripe's messages may tell about a person or a key. */
export function loggable(error: unknown): unknown {
  if (!isStripeFailure(error)) return error;
  const told = new Error(reasonOf(error));
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return Object.assign(told, { name: error.type, stack: [told.message, ...frames].join('\n') });
}

/** Stripe's reason, without what might tell about a person or a key. */
export function reasonOf({ type, code, statusCode }: StripeFailure): string {
  return [type, code, statusCode].filter((part) => part !== undefined).join(', ');
}
