import { decodeJwt, errors, jwtVerify, SignJWT } from 'jose';
import { claimsFor, TokenSubject, tokenAlgorithm, tokenAudience } from './token-rules.ts';
import type { TokenRealm } from './token-store.ts';

/** A user of one environment, by the id that the company chose. */
export interface UserIdentity {
  environmentId: string;
  userId: string;
}

export interface UserTokens {
  /** A token that stands for the user, until it expires. Whether there is such a user is not looked at. */
  issue(user: UserIdentity, now: Date): Promise<string>;
  /** Whom the token stands for; null if it is expired, meant for something else, or not made by us. */
  identify(token: string, now: Date): Promise<UserIdentity | null>;
}

/**
 * Issues and recognises the tokens of these environments.
 *
 * @param issuer who the tokens say they are from; those of another are refused
 */
export function createUserTokens(realms: readonly TokenRealm[], issuer: string): UserTokens {
  return {
    issue({ environmentId, userId }, now) {
      const realm = realms.find((each) => each.environmentId === environmentId);
      const [secret] = realm?.secrets ?? [];
      if (realm === undefined || secret === undefined)
        throw new Error(`there is no secret to sign tokens of ${environmentId} with`);
      const claims = claimsFor({ appId: realm.appId, userId }, issuer, now);
      const header = { alg: tokenAlgorithm, typ: 'JWT' };
      return new SignJWT({ ...claims }).setProtectedHeader(header).sign(bytesOf(secret));
    },
    async identify(token, now) {
      // What an unproven token says only chooses the secrets that may prove it.
      const appId = claimedApp(token);
      const realm = realms.find((each) => each.appId === appId);
      for (const secret of realm?.secrets ?? []) {
        const subject = await proven(token, secret, issuer, now);
        if (realm !== undefined && subject !== null)
          return { environmentId: realm.environmentId, userId: subject.userId };
      }
      return null;
    },
  };
}

const bytesOf = (secret: string) => new TextEncoder().encode(secret);

/** The environment that the token says it belongs to, which anybody can write. */
function claimedApp(token: string): unknown {
  try {
    return decodeJwt(token).appId;
  } catch (error) {
    return refusal(error);
  }
}

/** Whom the token stands for, if this secret signed it and it is good now; else null. */
async function proven(token: string, secret: string, issuer: string, now: Date) {
  try {
    const { payload } = await jwtVerify(token, bytesOf(secret), {
      algorithms: [tokenAlgorithm],
      audience: tokenAudience,
      issuer,
      requiredClaims: ['exp', 'iat'],
      currentDate: now,
    });
    return TokenSubject.safeParse(payload).data ?? null;
  } catch (error) {
    return refusal(error);
  }
}

/** Null, if the error is about the token; anything else is a fault of ours. */
function refusal(error: unknown): null {
  if (error instanceof errors.JOSEError) return null;
  throw error;
}
