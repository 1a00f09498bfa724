import { z } from 'zod';
import { Id } from '../../input.ts';

/** The lifetime of a user token: 30 days, as in Kana. */
const lifetimeSeconds = 30 * 24 * 60 * 60;

/** The only accepted algorithm. */
export const tokenAlgorithm = 'HS256';

/** The only audience of user tokens: the client API. */
export const tokenAudience = 'kana-client';

/** The claims of a user token. Times are in seconds since 1970. */
interface TokenClaims {
  /** The public id of the environment. */
  appId: string;
  /** The id that the company assigned to the user. */
  userId: string;
  iat: number;
  exp: number;
  aud: string;
  iss: string;
}

/** Returns the claims of a new token for this user. */
export function claimsFor(user: { appId: string; userId: string }, issuer: string, now: Date): TokenClaims {
  const iat = Math.floor(now.getTime() / 1000);
  return { ...user, iat, exp: iat + lifetimeSeconds, aud: tokenAudience, iss: issuer };
}

/** The claims that identify the user. */
export const TokenSubject = z.object({ appId: z.string(), userId: Id });
