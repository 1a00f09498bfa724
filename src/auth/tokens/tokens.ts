import { decodeJwt } from 'jose';
import { nullIfInvalid, sign, verifyToken } from '../signature.ts';
import type { TokenRealm } from './realms.ts';
import { claimsFor, TokenSubject, tokenAlgorithm, tokenAudience } from './rules.ts';

/** A user of one environment, by the id that the company assigned. */
export interface UserIdentity {
  environmentId: string;
  userId: string;
}

export interface UserTokens {
  /** Issues a token for the user. Does not check whether the user exists. */
  issue(user: UserIdentity, now: Date): Promise<string>;
  /** Returns the user of the token. Null if it is expired, has another purpose, or was not issued here. */
  identify(token: string, now: Date): Promise<UserIdentity | null>;
}

/**
 * Issues and verifies the tokens of these environments.
 *
 * @param issuer the `iss` claim. Tokens with another one are refused
 */
export function createUserTokens(realms: readonly TokenRealm[], issuer: string): UserTokens {
  const expected = {
    algorithm: tokenAlgorithm,
    audience: tokenAudience,
    issuer,
    requiredClaims: ['exp', 'iat'],
  };
  return {
    issue({ environmentId, userId }, now) {
      const realm = realms.find((each) => each.environmentId === environmentId);
      const [secret] = realm?.secrets ?? [];
      if (realm === undefined || secret === undefined)
        throw new Error(`there is no secret to sign tokens of ${environmentId} with`);
      const claims = claimsFor({ appId: realm.appId, userId }, issuer, now);
      return sign({ ...claims }, { alg: tokenAlgorithm, typ: 'JWT' }, secret);
    },
    async identify(token, now) {
      // The claims are not verified yet. They only select the secrets to verify with.
      const appId = claimedApp(token);
      const realm = realms.find((each) => each.appId === appId);
      if (realm === undefined) return null;
      const subject = TokenSubject.safeParse(await verifyToken(token, realm.secrets, expected, now)).data;
      return subject === undefined ? null : { environmentId: realm.environmentId, userId: subject.userId };
    },
  };
}

/** Returns the `appId` claim, unverified. */
function claimedApp(token: string): unknown {
  try {
    return decodeJwt(token).appId;
  } catch (error) {
    return nullIfInvalid(error);
  }
}
