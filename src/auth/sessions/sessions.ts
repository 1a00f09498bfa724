import { createHmac, randomBytes } from 'node:crypto';
import type { Db, Lookups } from '../../database/client.ts';
import { createCache } from '../cache-store.ts';
import type { EnvironmentId } from '../keys/rules.ts';
import { credentialLifetimeMs, type Identity, type Keyring } from '../keys/store.ts';
import type { SecretKey } from '../secrets/secret-key.ts';
import { createSessionCookies, formatToken, parseToken, type SessionCookies, tokenBytes } from './rules.ts';
import {
  type ActiveSession,
  findActiveSession,
  insertSession,
  removeOldSessions,
  revokeSession,
  touchSession,
} from './store.ts';

/** A session of the console. */
export interface Session {
  identity: Identity;
  expiresAt: Date;
}

export interface Sessions {
  cookies: SessionCookies;
  /** Starts a session with this private key. Null if the key is not a valid private key. */
  begin(key: string): Promise<(Session & { token: string }) | null>;
  /** Returns the session. Null if it is unknown, expired, ended or of another environment, or its key is revoked. */
  find(token: string, environmentId: EnvironmentId): Promise<Session | null>;
  /** Ends the session: on this instance at once, on every other one within 5 s. */
  end(token: string, environmentId: EnvironmentId): Promise<void>;
}

/**
 * Sessions are rows. The browser holds a random token, the database its keyed hash. So neither reading the database
 * nor inserting a row gives access.
 *
 * @param db writes
 * @param lookups reads; see createKeyring
 * @param basePath where browsers find the console, such as `/kana`
 */
export function createSessions({
  db,
  lookups,
  keyring,
  secretKey,
  basePath = '',
  now,
}: {
  db: Db;
  lookups: Lookups;
  keyring: Keyring;
  secretKey: SecretKey;
  basePath?: string;
  now?: () => number;
}): Sessions {
  const hashKey = secretKey.derive('console sessions');
  const hashOf = (token: string) => createHmac('sha256', hashKey).update(token).digest('hex');
  const known = createCache<ActiveSession>(credentialLifetimeMs, now, ({ remainingMs }) => remainingMs);

  async function read(idHash: string): Promise<ActiveSession | null> {
    const found = await findActiveSession(lookups, idHash);
    // A failed update of the last use does not make the session invalid.
    if (found?.isLastSeenOld) void touchSession(db, idHash).catch(() => undefined);
    return found;
  }
  return {
    cookies: createSessionCookies(basePath),
    async begin(key) {
      const identity = await keyring.identify(key);
      if (identity?.kind !== 'PRIVATE') return null;
      const token = formatToken(identity.environmentId, randomBytes(tokenBytes));
      const expiresAt = await insertSession(db, hashOf(token), identity);
      await removeOldSessions(db, identity.keyId);
      return { token, identity, expiresAt };
    },
    async find(token, environmentId) {
      if (parseToken(token) !== environmentId) return null;
      const idHash = hashOf(token);
      const session = await known.get(idHash, () => read(idHash));
      return session?.identity.environmentId === environmentId ? session : null;
    },
    async end(token, environmentId) {
      if (parseToken(token) !== environmentId) return;
      const idHash = hashOf(token);
      await revokeSession(db, idHash);
      known.forget(idHash);
    },
  };
}
