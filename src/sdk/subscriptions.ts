import { SubscriptionLinkError } from './errors.ts';
import type { ById, Page } from './inputs.ts';
import type { Method } from './method.ts';
import { mutation, page, query, select, subscription } from './operations.ts';
import { type ErrorPolicy, guard, type Result } from './result.ts';
import type { PackageSubscription } from './types.ts';

/** What a change of the base package began and ended. */
export interface ChangedPackage {
  subscription: PackageSubscription;
  /** The former one, now `CANCELLED`. */
  replaced: PackageSubscription;
  /** Those to add-ons that are not open to the new base package, now `CANCELLED`. */
  cancelledAddons: PackageSubscription[];
}

export const createSubscriptions = (method: Method) => ({
  /** Subscribes a user to all of these packages, or to none. Errors: `UserNotFoundError`, `SubscriptionError`. */
  create: method<[args: { packageIds: string[]; userId: string }], PackageSubscription[]>(
    mutation('subscribe', 'packageIds: [String!]!, userId', subscription),
  ),

  /** One subscription. Errors: `SubscriptionNotFoundError`. */
  retrieve: method<[args: ById], PackageSubscription>(query('subscription', 'id', subscription)),

  /** The subscriptions of one user, or of all; those that are over included. Errors: `UserNotFoundError`. */
  list: method<[args?: Page & { userId?: string }], PackageSubscription[]>(
    query('subscriptions', `userId: String, ${page}`, subscription),
  ),

  /**
   * Cancels a subscription, and with a base package its add-ons. Errors: `SubscriptionNotFoundError`,
   * `SubscriptionError`.
   */
  cancel: method<[args: ById], PackageSubscription>(mutation('cancelSubscription', 'id', subscription)),

  /** Swaps a user's base package for another in one step. Errors: `UserNotFoundError`, `SubscriptionError`. */
  changePackage: method<[args: { userId: string; packageId: string }], ChangedPackage>(
    mutation(
      'changePackage',
      'userId, packageId',
      select('subscription', subscription, 'replaced', subscription, 'cancelledAddons', subscription),
    ),
  ),
});

export const createPayments = (policy: ErrorPolicy) => ({
  /** Accepted as older guides write it. Always a `SubscriptionLinkError`: the server knows no billing provider. */
  generateLink: (_args: { packageIds: string[] }): Promise<Result<{ url: string }>> =>
    guard(policy, async () => ({ error: new SubscriptionLinkError('No billing provider is configured.') })),
});
