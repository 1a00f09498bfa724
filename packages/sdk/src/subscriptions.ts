import type { Caller, Result } from './caller.ts';
import * as operations from './generated/operations.ts';
import type { ById, ByUser, Page } from './inputs.ts';
import type { ChangedPackage, PackageSubscription } from './types.ts';

/** Which user has which package. */
export class Subscriptions {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Subscribes a user to all of these packages, or to none. Errors: `UserNotFoundError`, `SubscriptionError`. */
  create = (args: ByUser & { packageIds: string[] }): Promise<Result<PackageSubscription[]>> =>
    this.#caller.call(
      operations.Subscribe,
      () => args,
      (data) => data.subscribe as PackageSubscription[], // Kana's schema lets an item be null. None ever is.
    );

  /** One subscription. Errors: `SubscriptionNotFoundError`. */
  retrieve = (args: ById): Promise<Result<PackageSubscription>> =>
    this.#caller.call(
      operations.RetrieveSubscription,
      () => args,
      (data) => data.subscription,
    );

  /** The subscriptions of one user, or of all, ended ones too. Errors: `UserNotFoundError`. */
  list = (args?: Page & Partial<ByUser>): Promise<Result<PackageSubscription[]>> =>
    this.#caller.call(
      operations.ListSubscriptions,
      () => args,
      (data) => data.subscriptions as PackageSubscription[], // Nullable in Kana's schema too.
    );

  /**
   * Cancels a subscription, and with a base package its add-ons. Errors: `SubscriptionNotFoundError`,
   * `SubscriptionError`.
   */
  cancel = (args: ById): Promise<Result<PackageSubscription>> =>
    this.#caller.call(
      operations.CancelSubscription,
      () => args,
      (data) => data.cancelSubscription,
    );

  /**
   * Replaces the base package in one step. Add-ons that the new one does not allow are cancelled. Errors:
   * `UserNotFoundError`, `PackageNotFoundError`, `SubscriptionError`.
   */
  changePackage = (args: ByUser & { packageId: string }): Promise<Result<ChangedPackage>> =>
    this.#caller.call(
      operations.ChangePackage,
      () => args,
      (data) => data.changePackage,
    );
}
