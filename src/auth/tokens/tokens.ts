import { decodeJwt } from 'jose';
import { refusal, sign, verifyToken } from '../signature.ts';
import type { TokenRealm } from './realms.ts';
import { claimsFor, TokenSubject, tokenAlgorithm, tokenAudience } from './rules.ts';

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
      // What an unproven token says only chooses the secrets that may prove it.
      const appId = claimedApp(token);
      const realm = realms.find((each) => each.appId === appId);
      if (realm === undefined) return null;
      const subject = TokenSubject.safeParse(await verifyToken(token, realm.secrets, expected, now)).data;
      return subject === undefined ? null : { environmentId: realm.environmentId, userId: subject.userId };
    },
  };
}

/** The environment that the token says it belongs to, which anybody can write. */
function claimedApp(token: string): unknown {
  try {
    return decodeJwt(token).appId;
  } catch (error) {
    return refusal(error);
  }
}
