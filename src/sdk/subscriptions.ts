import { SubscriptionLinkError } from './errors.ts';
import type { ById, Page } from './inputs.ts';
import type { Method } from './method.ts';
import { page, select, subscription } from './operations.ts';
import type { Guard, Result } from './result.ts';
import type { PackageSubscription } from './types.ts';

/** What a change of the base package began and ended. */
export interface ChangedPackage {
  subscription: PackageSubscription;
  /** The former one, now `CANCELLED`. */
  replaced: PackageSubscription;
  /** Those to add-ons that are not open to the new base package, now `CANCELLED`. */
  cancelledAddons: PackageSubscription[];
}

export const createSubscriptions = (query: Method, mutation: Method) => ({
  /** Subscribes a user to all of these packages, or to none. Errors: `UserNotFoundError`, `SubscriptionError`. */
  create: mutation<[args: { packageIds: string[]; userId: string }], PackageSubscription[]>(
    'subscribe',
    'packageIds: [String!]!, userId',
    subscription,
  ),

  /** One subscription. Errors: `SubscriptionNotFoundError`. */
  retrieve: query<[args: ById], PackageSubscription>('subscription', 'id', subscription),

  /** The subscriptions of one user, or of all; those that are over included. Errors: `UserNotFoundError`. */
  list: query<[args?: Page & { userId?: string }], PackageSubscription[]>(
    'subscriptions',
    `userId: String, ${page}`,
    subscription,
  ),

  /**
   * Cancels a subscription, and with a base package its add-ons. Errors: `SubscriptionNotFoundError`,
   * `SubscriptionError`.
   */
  cancel: mutation<[args: ById], PackageSubscription>('cancelSubscription', 'id', subscription),

  /** Swaps a user's base package for another in one step. Errors: `UserNotFoundError`, `SubscriptionError`. */
  changePackage: mutation<[args: { userId: string; packageId: string }], ChangedPackage>(
    'changePackage',
    'userId, packageId',
    select('subscription', subscription, 'replaced', subscription, 'cancelledAddons', subscription),
  ),
});

export const createPayments = (guard: Guard) => ({
  /** Accepted as older guides write it. Always a `SubscriptionLinkError`: the server knows no billing provider. */
  generateLink: (_args: { packageIds: string[] }): Promise<Result<{ url: string }>> =>
    guard(() => {
      throw new SubscriptionLinkError('There is no billing provider.');
    }),
});
