import type { Caller, Result } from './caller.ts';
import * as operations from './generated/operations.ts';
import type { ById, ByUser, Described, NewUser, Page, UserChange } from './inputs.ts';
import { inputOf } from './inputs.ts';
import type { User, UserEntitlement } from './types.ts';

class UserMethods {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** All users, oldest first. */
  list = (page?: Page): Promise<Result<User[]>> =>
    this.#caller.call(
      operations.ListUsers,
      () => page,
      (data) => data.users,
    );

  /** Creates a user. Errors: `ConflictError`, `InputError`. */
  create = (user: Described<NewUser>): Promise<Result<User>> =>
    this.#caller.call(
      operations.CreateUser,
      () => ({ input: inputOf(user) }),
      (data) => data.createUser,
    );

  /**
   * Changes a user, the id included: everything the user owns follows. Errors: `UserNotFoundError`,
   * `ConflictError`.
   */
  update = (
    ...args: [id: string, change: UserChange] | [args: ById & { input: UserChange }]
  ): Promise<Result<User>> =>
    this.#caller.call(
      operations.UpdateUser,
      () => {
        const [first, change] = args;
        const { id, input } = typeof first === 'string' ? { id: first, input: change } : first;
        return { id, input: { id, ...input } };
      },
      (data) => data.updateUser,
    );

  /** One user. Errors: `UserNotFoundError`. */
  retrieve = (args: ById): Promise<Result<User>> =>
    this.#caller.call(
      operations.RetrieveUser,
      () => args,
      (data) => data.user,
    );

  /** A token with which a browser reads this one user's entitlements. Errors: `UserNotFoundError`. */
  generateToken = (args: ByUser): Promise<Result<{ token: string }>> =>
    this.#caller.call(
      operations.GenerateUserToken,
      () => args,
      (data) => data.generateUserToken as { token: string }, // Kana's schema lets it be null. It never is.
    );

  /**
   * A user's entitlements, one row a feature, or the row of one feature. Errors: `UserNotFoundError`,
   * `FeatureNotFoundError`.
   */
  entitlements = (args: ByUser & { featureId?: string }): Promise<Result<UserEntitlement[]>> =>
    this.#caller.call(
      operations.ListEntitlements,
      () => args,
      (data) => data.entitlements,
    );
}

/** Who uses it. */
export type Users = UserMethods['list'] & Pick<UserMethods, keyof UserMethods>;

/** A documented example of Kana lists the users by calling `users()` itself, so the methods sit on a function. */
export function createUsers(caller: Caller): Users {
  const methods = new UserMethods(caller);
  return Object.assign((page?: Page) => methods.list(page), methods);
}
