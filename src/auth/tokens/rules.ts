import { z } from 'zod';
import { Id } from '../../input.ts';

/** For how long a user token is good, in seconds: 30 days, as in the original. */
const lifetime = 30 * 24 * 60 * 60;

/** The one way to sign. A token that says it is signed in another way, or not at all, is refused. */
export const tokenAlgorithm = 'HS256';

/** Whom a user token is for: the client API, and nothing else. */
export const tokenAudience = 'kana-client';

/** What a user token says. Times are in seconds since 1970. */
interface TokenClaims {
  /** The environment, by the name that it has outside. */
  appId: string;
  /** The id of the user, as the company chose it. */
  userId: string;
  iat: number;
  exp: number;
  aud: string;
  iss: string;
}

/** What a new token for this user says. */
export function claimsFor(user: { appId: string; userId: string }, issuer: string, now: Date): TokenClaims {
  const iat = Math.floor(now.getTime() / 1000);
  return { ...user, iat, exp: iat + lifetime, aud: tokenAudience, iss: issuer };
}

/** Those claims of a token that tell whom it stands for. */
export const TokenSubject = z.object({ appId: z.string(), userId: Id });
