import { parseKey } from '../auth/keys/rules.ts';
import type { Keyring } from '../auth/keys/store.ts';
import type { UserIdentity, UserTokens } from '../auth/tokens/tokens.ts';

/** The credentials of a request to the client API. */
export interface Credentials {
  /** A public key or a user token from the Authorization header; null if missing. */
  authorization: string | null;
  /** The user id in the X-User-ID header; null if missing. */
  userId: string | null;
}

/**
 * The user whom a request may read: the user of its token, or, with a public key, the user in
 * X-User-ID. With a token, that header is ignored. Null if the credentials are invalid. A private key is refused
 * here, because it must not be used in a browser.
 */
export async function identifyUser(
  { authorization, userId }: Credentials,
  { keyring, userTokens }: { keyring: Keyring; userTokens: UserTokens },
  now: Date,
): Promise<UserIdentity | null> {
  if (authorization === null) return null;
  if (parseKey(authorization) === null) return userTokens.identify(authorization, now);
  const key = await keyring.identify(authorization);
  if (key?.kind !== 'PUBLIC' || userId === null) return null;
  return { environmentId: key.environmentId, userId };
}
