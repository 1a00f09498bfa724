import type { Accounts } from './accounts.ts';
import type { Attempts } from './attempts.ts';
import { readEmail } from './rules.ts';
import type { Account } from './store.ts';

/** Signs in with a password, and slows down who guesses. */
export interface SignIn {
  /**
   * Returns the account, null if the password is wrong, or how long to wait before the next attempt.
   *
   * @throws ValidationError if this is no email address and password
   */
  tryPassword(
    network: string,
    email: unknown,
    password: unknown,
  ): Promise<{ account: Account | null } | { waitMs: number }>;
}

export function createSignIn(accounts: Accounts, attempts: Attempts): SignIn {
  return {
    async tryPassword(network, email, password) {
      const address = readEmail(email);
      // Longer ones are no password of anybody, and are not hashed.
      if (typeof password !== 'string' || password.length > 1_000) return { account: null };
      const waitMs = attempts.begin(network, address);
      if (waitMs > 0) return { waitMs };
      const account = await accounts.signIn(address, password);
      if (account !== null) attempts.succeed(network, address);
      return { account };
    },
  };
}
