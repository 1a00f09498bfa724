import type { Caller, Result } from './caller.ts';
import * as operations from './generated/operations.ts';
import type { ById, ByUser, NewBasePackage, NewSubscriptions, Page, When } from './inputs.ts';
import type { ChangedPackage, PackageSubscription, SubscribedUser } from './types.ts';

/** Which user has which package. */
export class Subscriptions {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Subscribes a user to all of these packages, or to none. Errors: `UserNotFoundError`, `SubscriptionError`. */
  create = (args: NewSubscriptions): Promise<Result<PackageSubscription[]>> =>
    this.#caller.call(
      operations.Subscribe,
      () => args as operations.SubscribeUserInput, // JSON writes dates as text.
      (data) => data.subscribe as PackageSubscription[], // Kana's schema lets an item be null. None ever is.
    );

  /** Subscribes up to 1,000 users, each on its own. Answers a result for each, in order. */
  createMany = (users: readonly NewSubscriptions[]): Promise<Result<SubscribedUser[]>> =>
    this.#caller.call(
      operations.SubscribeUsers,
      () => ({ input: users as operations.SubscribeUserInput[] }),
      (data) => data.subscribeUsers,
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
   * Cancels a subscription, now or later, and with a base package its add-ons. Errors: `SubscriptionNotFoundError`,
   * `SubscriptionError`.
   */
  cancel = (args: ById & When): Promise<Result<PackageSubscription>> =>
    this.#caller.call(
      operations.CancelSubscription,
      () => args as operations.CancelSubscriptionMutationVariables,
      (data) => data.cancelSubscription,
    );

  /**
   * Takes a scheduled end back, and with it what was to follow. Errors: `SubscriptionNotFoundError`,
   * `SubscriptionError`.
   */
  resume = (args: ById): Promise<Result<PackageSubscription>> =>
    this.#caller.call(
      operations.ResumeSubscription,
      () => args,
      (data) => data.resumeSubscription,
    );

  /**
   * Replaces the base package in one step, now or later. Add-ons that the new one does not allow are cancelled. Errors:
   * `UserNotFoundError`, `PackageNotFoundError`, `SubscriptionError`.
   */
  changePackage = (args: NewBasePackage): Promise<Result<ChangedPackage>> =>
    this.#caller.call(
      operations.ChangePackage,
      () => args as operations.ChangePackageMutationVariables,
      (data) => data.changePackage,
    );
}
