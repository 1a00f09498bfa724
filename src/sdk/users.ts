import type { ById, Described, NewUser, Page, UserChange } from './inputs.ts';
import { type Method, toInput } from './method.ts';
import { access, feature, mutation, page, query, select, subscription, user } from './operations.ts';
import type { User, UserEntitlement } from './types.ts';

export const createUsers = (method: Method) => {
  const list = method<[page?: Page], User[]>(query('users', page, user));

  // A documented example lists the users by calling `users()` itself.
  return Object.assign((page?: Page) => list(page), {
    /** All users, the oldest first. */
    list,

    /** Makes a user. Errors: `ConflictError`, `InputError`. */
    create: method<[user: Described<NewUser>], User>(
      mutation('createUser', 'input: CreateUserInput!', user),
      toInput,
    ),

    /**
     * Changes a user, the id included: everything the user owns follows. Errors: `UserNotFoundError`,
     * `ConflictError`.
     */
    update: method<[id: string, change: UserChange] | [args: ById & { input: UserChange }], User>(
      mutation('updateUser', 'id, input: UpdateUserInput!', user),
      (...args) => {
        const [{ id, input }] = args.length === 1 ? args : [{ id: args[0], input: args[1] }];
        return { id, input: { id, ...input } };
      },
    ),

    /** One user. Errors: `UserNotFoundError`. */
    retrieve: method<[args: ById], User>(query('user', 'id', user)),

    /** A token with which a browser reads what this one user has. Errors: `UserNotFoundError`. */
    generateToken: method<[args: { userId: string }], { token: string }>(
      mutation('generateUserToken', 'userId', select('token')),
    ),

    /**
     * All that a user has, one row a feature, or the row of one feature. Errors: `UserNotFoundError`,
     * `FeatureNotFoundError`.
     */
    entitlements: method<[args: { userId: string; featureId?: string }], UserEntitlement[]>(
      query(
        'entitlements',
        'userId, featureId: String',
        select(access, 'feature', select(feature), 'subscription', subscription),
      ),
    ),
  });
};
