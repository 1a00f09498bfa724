import type { EnvironmentId } from '../keys/rules.ts';
import type { Identity, Keyring } from '../keys/store.ts';
import { sign, verifyToken } from '../signature.ts';
import type { TokenRealm } from '../tokens/store.ts';
import { SessionClaims, sessionAlgorithm, sessionAudience, sessionLifetime } from './rules.ts';

/** That somebody is signed in to the console. */
export interface Session {
  identity: Identity;
  expiresAt: Date;
}

export interface Sessions {
  /** Begins a session for who holds this private key; null if the key is not a valid private one. */
  begin(key: string, now: Date): Promise<(Session & { token: string }) | null>;
  /** The session of this environment; null once it has expired, its key is revoked, or if we did not begin it. */
  find(token: string, environmentId: EnvironmentId, now: Date): Promise<Session | null>;
}

const expected = { algorithm: sessionAlgorithm, audience: sessionAudience, requiredClaims: ['exp'] };

/**
 * Sessions without a table: a signed token names the key it was made for, and is good as long as that key is.
 * The key itself is not in it.
 */
export function createSessions(realms: readonly TokenRealm[], keyring: Keyring): Sessions {
  const secretsOf = (environmentId: string) =>
    realms.find((realm) => realm.environmentId === environmentId)?.secrets ?? [];
  return {
    async begin(key, now) {
      const identity = await keyring.identify(key);
      if (identity?.kind !== 'PRIVATE') return null;
      const [secret] = secretsOf(identity.environmentId);
      if (secret === undefined)
        throw new Error(`there is no secret to sign sessions of ${identity.environmentId} with`);
      const exp = Math.floor(now.getTime() / 1000) + sessionLifetime;
      const claims = { keyId: identity.keyId, aud: sessionAudience, exp };
      const token = await sign(claims, { alg: sessionAlgorithm }, secret);
      return { token, identity, expiresAt: new Date(exp * 1000) };
    },
    async find(token, environmentId, now) {
      const said = await verifyToken(token, secretsOf(environmentId), expected, now);
      const claims = SessionClaims.safeParse(said).data;
      const identity = claims === undefined ? null : await keyring.recall(claims.keyId);
      // Where the secrets are configured, both environments share them: the key tells whose session it is.
      if (claims === undefined || identity?.kind !== 'PRIVATE' || identity.environmentId !== environmentId)
        return null;
      return { identity, expiresAt: new Date(claims.exp * 1000) };
    },
  };
}
