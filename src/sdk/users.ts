import type { ById, Described, NewUser, Page, UserChange } from './inputs.ts';
import { type Method, toInput } from './method.ts';
import { access, feature, page, select, subscription, user } from './operations.ts';
import type { User, UserEntitlement } from './types.ts';

export const createUsers = (query: Method, mutation: Method) => {
  const list = () => query<[page?: Page], User[]>('users', page, user);

  // A documented example lists the users by calling `users()` itself.
  return Object.assign(list(), {
    /** All users, the oldest first. */
    list: list(),

    /** Makes a user. Errors: `ConflictError`, `InputError`. */
    create: mutation<[user: Described<NewUser>], User>('createUser', 'input', user, toInput),

    /**
     * Changes a user, the id included: everything the user owns follows. Errors: `UserNotFoundError`,
     * `ConflictError`.
     */
    update: mutation<[id: string, change: UserChange] | [args: ById & { input: UserChange }], User>(
      'updateUser',
      'id, input',
      user,
      (first, change?: UserChange) => {
        const { id, input } = typeof first === 'string' ? { id: first, input: change } : first;
        return { id, input: { id, ...input } };
      },
    ),

    /** One user. Errors: `UserNotFoundError`. */
    retrieve: query<[args: ById], User>('user', 'id', user),

    /** A token with which a browser reads what this one user has. Errors: `UserNotFoundError`. */
    generateToken: mutation<[args: { userId: string }], { token: string }>(
      'generateUserToken',
      'userId',
      select('token'),
    ),

    /**
     * All that a user has, one row a feature, or the row of one feature. Errors: `UserNotFoundError`,
     * `FeatureNotFoundError`.
     */
    entitlements: query<[args: { userId: string; featureId?: string }], UserEntitlement[]>(
      'entitlements',
      'userId, featureId: String',
      select(access, 'feature', select(feature), 'subscription', subscription),
    ),
  });
};
