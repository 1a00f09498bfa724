import type { Caller, Result } from './caller.ts';
import {
  KanaError,
  NetworkError,
  SubscriptionLinkError,
  TimeoutError,
  UnavailableError,
  UserNotFoundError,
} from './errors.ts';
import * as operations from './generated/operations.ts';
import type { AwaitedSubscription, NewPaymentLink, NewPortalLink } from './inputs.ts';
import type { PackageSubscription } from './types.ts';

const defaultTimeoutMs = 30_000;
const firstPauseMs = 250;
const longestPauseMs = 2_000;
const pauseFactor = 1.5;

/** Payment links, and what is paid there. */
export class Payments {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Makes a link to a payment page. What is paid there appears as a subscription by itself; see waitForSubscription.
   * Without `userId`, the person who pays becomes a user. Errors: `SubscriptionLinkError`, also for `packageIds`, as older
   * guides write it: links are made from billing templates.
   */
  generateLink = (args: NewPaymentLink | { packageIds: string[] }): Promise<Result<{ url: string }>> =>
    this.#caller.run(() => {
      if (!('templateId' in args))
        throw new SubscriptionLinkError(
          'Payment links are made from billing templates: pass templateId, successUrl and cancelUrl.',
        );
      return this.#caller.send(operations.GenerateLink, args, (data) => data.generateSubscriptionLink);
    });

  /**
   * Makes a link to the page on which a customer sees bills, changes cards and cancels. Errors: `UserNotFoundError`,
   * `SubscriptionLinkError` for a user who has never paid.
   */
  generatePortalLink = (args: NewPortalLink): Promise<Result<{ url: string }>> =>
    this.#caller.call(
      operations.GeneratePortalLink,
      () => args,
      (data) => data.generatePortalLink,
    );

  /**
   * Waits until a user holds a package and it gives access. For the page that customers return to after paying: they may be
   * there before the server has heard of the payment. Asks again after a quarter of a second, then less and less often.
   *
   * Errors: `TimeoutError` after `timeoutMs`, 30,000 by default; `KanaError` with the name `AbortError` once `signal` is
   * aborted. A user who does not exist yet is waited for.
   */
  waitForSubscription = (args: AwaitedSubscription): Promise<Result<PackageSubscription>> =>
    this.#caller.run(async () => {
      const { userId, packageId, timeoutMs = defaultTimeoutMs, signal } = args;
      const endsAt = Date.now() + timeoutMs;
      let problem: unknown;
      for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * pauseFactor, longestPauseMs)) {
        const held = await unlessAborted(this.#findHeld(userId, packageId), signal).catch((error) => {
          if (!mayPass(error)) throw error;
          problem = error;
        });
        if (held) return held;
        const leftMs = endsAt - Date.now();
        if (leftMs <= 0)
          throw new TimeoutError(
            `The user "${userId}" does not hold the package "${packageId}" after ${timeoutMs} ms.`,
            { cause: problem },
          );
        await unlessAborted(pause(Math.min(pauseMs, leftMs)), signal);
      }
    });

  async #findHeld(userId: string, packageId: string): Promise<PackageSubscription | undefined> {
    const newest = await this.#caller.send(
      operations.ListSubscriptions,
      { userId, first: 100, newestFirst: true },
      (data) => data.subscriptions as PackageSubscription[],
    );
    return newest.find(
      (each) => each.package.id === packageId && (each.status === 'ACTIVE' || each.status === 'TRIALING'),
    );
  }
}

const mayPass = (error: unknown) =>
  error instanceof UserNotFoundError || error instanceof NetworkError || error instanceof UnavailableError;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Waits no longer than until `signal` is aborted. */
async function unlessAborted<Data>(work: Promise<Data>, signal: AbortSignal | undefined): Promise<Data> {
  if (signal === undefined) return work;
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () =>
      reject(new KanaError('The wait was aborted.', { name: 'AbortError', cause: signal.reason }));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    work.catch(() => undefined);
  }
}
