import { createHmac, randomBytes } from 'node:crypto';
import type { Db, Lookups } from '../../database/client.ts';
import { createCache } from '../cache-store.ts';
import type { EnvironmentId } from '../keys/rules.ts';
import { credentialLifetimeMs, type Keyring } from '../keys/store.ts';
import type { SecretKey } from '../secrets/secret-key.ts';
import { createSessionCookies, formatToken, parseToken, type SessionCookies, tokenBytes } from './rules.ts';
import {
  type ActiveSession,
  findActiveSession,
  insertSession,
  type Owner,
  removeOldSessions,
  revokeSession,
  type Session,
  touchSession,
} from './store.ts';

/** A new session, with what the browser gets. */
export interface BegunSession extends Session {
  token: string;
}

export interface Sessions {
  cookies: SessionCookies;
  /** Starts a session with this private key. Null if the key is not a valid private key. */
  begin(key: string): Promise<BegunSession | null>;
  /** Starts a session of this member in each of these environments in which the member has a role. */
  beginFor(memberId: string, environmentIds: readonly string[]): Promise<BegunSession[]>;
  /**
   * Returns the session. Null if it is unknown, expired, ended or of another environment, or its key or role is gone.
   */
  find(token: string, environmentId: EnvironmentId): Promise<Session | null>;
  /** Ends the session: on this instance at once, on every other one within 5 s. */
  end(token: string, environmentId: EnvironmentId): Promise<void>;
  /** Tells this instance that the sessions with these ids have changed or ended. */
  forget(ids: readonly string[]): void;
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

  async function beginOne(environmentId: string, owner: Owner): Promise<BegunSession | null> {
    const token = formatToken(environmentId, randomBytes(tokenBytes));
    await insertSession(db, hashOf(token), environmentId, owner);
    const session = await findActiveSession(lookups, hashOf(token));
    return session === null ? null : { ...session, token };
  }
  return {
    cookies: createSessionCookies(basePath),
    async begin(key) {
      const identity = await keyring.identify(key);
      if (identity?.kind !== 'PRIVATE') return null;
      const { environmentId, keyId } = identity;
      const session = await beginOne(environmentId, { keyId });
      await removeOldSessions(db, { keyId });
      return session;
    },
    async beginFor(memberId, environmentIds) {
      const begun = await Promise.all(environmentIds.map((id) => beginOne(id, { memberId })));
      await removeOldSessions(db, { memberId });
      return begun.filter((session) => session !== null);
    },
    async find(token, environmentId) {
      if (parseToken(token) !== environmentId) return null;
      const idHash = hashOf(token);
      const session = await known.get(idHash, () => read(idHash));
      return session?.environmentId === environmentId ? session : null;
    },
    async end(token, environmentId) {
      if (parseToken(token) !== environmentId) return;
      const idHash = hashOf(token);
      await revokeSession(db, idHash);
      known.forget(idHash);
    },
    forget(ids) {
      for (const id of ids) known.forget(id);
    },
  };
}
