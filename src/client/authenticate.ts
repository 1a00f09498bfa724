import { parseKey } from '../auth/keys/rules.ts';
import type { Keyring } from '../auth/keys/store.ts';
import type { UserIdentity, UserTokens } from '../auth/tokens/tokens.ts';

/** What a request to the client API brings to say whom it is about. */
export interface Credentials {
  /** A public key or a user token, from the Authorization header; null without any. */
  authorization: string | null;
  /** Whom the X-User-ID header names; null without one. */
  userId: string | null;
}

/**
 * The one user whom a request may read: the user of its token, or, with a public key, the user whom
 * X-User-ID names; beside a token that header says nothing. Null when neither is valid. A private key may do
 * far too much to be carried into a browser, so it is refused here.
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
