import type { Db, Lookups } from '../../database/client.ts';
import { type Identity, identityOf, identitySql, isValidKeySql, type KeyRow } from '../keys/store.ts';
import { maxSessionsPerKey, retentionDays, sessionLifetimeSeconds } from './rules.ts';

/** A session that is valid now. */
export interface ActiveSession {
  identity: Identity;
  expiresAt: Date;
  /** How long the session and its key stay valid. */
  remainingMs: number;
  /** Whether the stored last use is more than a minute old. */
  isLastSeenOld: boolean;
}

/** Inserts a session of the key in `identity`. It ends with the key. Returns when it expires, by the database's clock. */
export async function insertSession(
  db: Db,
  idHash: string,
  { environmentId, keyId }: Identity,
): Promise<Date> {
  const [{ expires }] = await db.$queryRaw<[{ expires: number }]>`
    INSERT INTO console_session (id_hash, environment_id, key_id, expires_at)
    SELECT ${idHash}, ${environmentId}, id, least(now() + make_interval(secs => ${sessionLifetimeSeconds}), expires_at)
      FROM api_key WHERE id = ${keyId}::uuid
    RETURNING extract(epoch FROM expires_at)::float8 AS expires`;
  return new Date(expires * 1_000);
}

/** Removes sessions that expired long ago, and this key's oldest ones beyond a bound. Skips locked rows. */
export async function removeOldSessions(db: Db, keyId: string): Promise<void> {
  await db.$executeRaw`
    DELETE FROM console_session WHERE id_hash IN (
      SELECT id_hash FROM console_session
       WHERE expires_at < now() - make_interval(days => ${retentionDays}) LIMIT 1000 FOR UPDATE SKIP LOCKED)`;
  await db.$executeRaw`
    DELETE FROM console_session WHERE id_hash IN (
      SELECT id_hash FROM console_session WHERE key_id = ${keyId}::uuid
       ORDER BY created_at DESC OFFSET ${maxSessionsPerKey} FOR UPDATE SKIP LOCKED)`;
}

/** Returns the session with this id. Null if it is unknown, expired or ended, or its key is revoked. */
export async function findActiveSession(db: Lookups, idHash: string): Promise<ActiveSession | null> {
  const { rows } = await db.query<KeyRow & { expires: number; remainingMs: number; isLastSeenOld: boolean }>({
    name: 'console session, with terms',
    text: `
      select ${identitySql}, extract(epoch from s.expires_at)::float8 as expires,
        extract(epoch from least(s.expires_at, k.expires_at) - now())::float8 * 1000 as "remainingMs",
        s.last_seen_at < now() - interval '1 minute' as "isLastSeenOld"
      from console_session s join api_key k on k.environment_id = s.environment_id and k.id = s.key_id
        join environment e on e.id = k.environment_id
      where s.id_hash = $1 and s.revoked_at is null and s.expires_at > now()
        and ${isValidKeySql} and k.kind = 'PRIVATE'`,
    values: [idHash],
  });
  const [row] = rows;
  if (row === undefined) return null;
  const { expires, remainingMs, isLastSeenOld, ...key } = row;
  return { identity: identityOf(key), expiresAt: new Date(expires * 1_000), remainingMs, isLastSeenOld };
}

/** Stores that the session is in use. Skips a locked row. */
export async function touchSession(db: Db, idHash: string): Promise<void> {
  await db.$executeRaw`
    UPDATE console_session SET last_seen_at = now() WHERE id_hash IN (
      SELECT id_hash FROM console_session WHERE id_hash = ${idHash} FOR UPDATE SKIP LOCKED)`;
}

/** Ends a session. Does nothing if it has ended or is unknown. */
export async function revokeSession(db: Db, idHash: string): Promise<void> {
  await db.$executeRaw`
    UPDATE console_session SET revoked_at = now() WHERE id_hash = ${idHash} AND revoked_at IS NULL`;
}
