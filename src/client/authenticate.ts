import { allowanceOf } from '../auth/caller.ts';
import { parseKey } from '../auth/keys/rules.ts';
import type { Keyring } from '../auth/keys/store.ts';
import type { Permissions } from '../auth/permission-rules.ts';
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
 * X-User-ID, unless the environment requires tokens. With a token, that header is ignored. Null if the credentials are
 * invalid. A private key is refused here, because it must not be used in a browser.
 */
export async function identifyUser(
  { authorization, userId }: Credentials,
  { keyring, userTokens }: { keyring: Keyring; userTokens: UserTokens },
  now: Date,
): Promise<UserIdentity | null> {
  if (authorization === null) return null;
  if (parseKey(authorization) === null) return userTokens.identify(authorization, now);
  const key = await keyring.identify(authorization);
  if (key?.kind !== 'PUBLIC' || key.requiresUserToken || userId === null) return null;
  return { environmentId: key.environmentId, userId };
}

/** Who reads entitlements at the doors that servers and browsers share. */
export interface Reader {
  environmentId: string;
  /** The one user whom the credentials name; null if the caller names one. */
  userId: string | null;
  /** The key of the rate limit that its calls count against. */
  allowance: string;
  /** For the log. */
  kind: 'PRIVATE' | 'PUBLIC' | 'USER_TOKEN';
  lastFour: string | null;
  permissions: Permissions;
}

/** Of one user, by a token or a public key. */
const readsOne: Permissions = new Set(['read']);

export interface Readers {
  keyring: Keyring;
  userTokens: UserTokens;
}

/**
 * Identifies a reader: with a private key, who may ask about every user; with a user token, or a public key with
 * X-User-ID, about that user. A public key alone names no user: then the caller does, as in that header. Where the
 * environment requires tokens, public keys do not read. Null if the credentials are invalid.
 */
export async function identifyReader(
  credentials: Credentials,
  readers: Readers,
  now: Date,
): Promise<Reader | null> {
  const { authorization } = credentials;
  if (authorization === null) return null;
  if (parseKey(authorization) === null) {
    const user = await identifyUser(credentials, readers, now);
    return user === null
      ? null
      : {
          ...user,
          allowance: userAllowance(user),
          kind: 'USER_TOKEN',
          lastFour: null,
          permissions: readsOne,
        };
  }
  const identity = await readers.keyring.identify(authorization);
  if (identity === null || identity.kind === 'WRITE') return null;
  const { environmentId, keyId, kind, lastFour, permissions } = identity;
  if (kind === 'PUBLIC' && identity.requiresUserToken) return null;
  const userId = kind === 'PUBLIC' ? credentials.userId : null;
  const allowance =
    userId === null
      ? allowanceOf({ through: `${kind}_KEY`, keyId })
      : userAllowance({ environmentId, userId });
  return { environmentId, userId, allowance, kind, lastFour, permissions };
}

/** The key of the rate limit of a user's own calls. */
export const userAllowance = ({ environmentId, userId }: UserIdentity): string =>
  `USER ${environmentId} ${userId}`;
