import type { Db, Lookups } from '../../database/client.ts';
import type { Identity } from '../keys/store.ts';
import { keptForDays, maxSessionsPerKey, sessionLifetime } from './rules.ts';

/** A session that is good now. */
export interface ActiveSession {
  identity: Identity;
  expiresAt: Date;
  /** Whether its last use was written down so long ago that it should be written down again. */
  isUseOld: boolean;
}

/** Begins a session of the key that `identity` names; answers when it expires, by the clock of the database. */
export async function insertSession(
  db: Db,
  idHash: string,
  { environmentId, keyId }: Identity,
): Promise<Date> {
  const [{ expires }] = await db.$queryRaw<[{ expires: number }]>`
    INSERT INTO console_session (id_hash, environment_id, key_id, expires_at)
    VALUES (${idHash}, ${environmentId}, ${keyId}::uuid, now() + make_interval(secs => ${sessionLifetime}))
    RETURNING extract(epoch FROM expires_at)::float8 AS expires`;
  return new Date(expires * 1_000);
}

/** Removes sessions that ended long ago, and of this key the oldest beyond a bound. Waits for nobody. */
export async function removeOldSessions(db: Db, keyId: string): Promise<void> {
  await db.$executeRaw`
    DELETE FROM console_session WHERE id_hash IN (
      SELECT id_hash FROM console_session
       WHERE expires_at < now() - make_interval(days => ${keptForDays}) LIMIT 1000 FOR UPDATE SKIP LOCKED)`;
  await db.$executeRaw`
    DELETE FROM console_session WHERE id_hash IN (
      SELECT id_hash FROM console_session WHERE key_id = ${keyId}::uuid
       ORDER BY created_at DESC OFFSET ${maxSessionsPerKey} FOR UPDATE SKIP LOCKED)`;
}

/** The session with this id, unless it has expired, was ended, or its key was revoked. */
export async function findActiveSession(db: Lookups, idHash: string): Promise<ActiveSession | null> {
  const { rows } = await db.query<Identity & { expires: number; isUseOld: boolean }>({
    name: 'console session',
    text: `
      select k.id as "keyId", k.environment_id as "environmentId", k.kind::text, k.last_four as "lastFour",
        extract(epoch from s.expires_at)::float8 as expires,
        s.last_seen_at < now() - interval '1 minute' as "isUseOld"
      from console_session s join api_key k on k.environment_id = s.environment_id and k.id = s.key_id
      where s.id_hash = $1 and s.revoked_at is null and s.expires_at > now()
        and k.revoked_at is null and k.kind = 'PRIVATE'`,
    values: [idHash],
  });
  const [row] = rows;
  if (row === undefined) return null;
  const { expires, isUseOld, ...identity } = row;
  return { identity, expiresAt: new Date(expires * 1_000), isUseOld };
}

/** Writes down that the session is in use; skips it while somebody else changes it. */
export async function touchSession(db: Db, idHash: string): Promise<void> {
  await db.$executeRaw`
    UPDATE console_session SET last_seen_at = now() WHERE id_hash IN (
      SELECT id_hash FROM console_session WHERE id_hash = ${idHash} FOR UPDATE SKIP LOCKED)`;
}

/** Ends a session; one that is over, or never was, is left alone. */
export async function revokeSession(db: Db, idHash: string): Promise<void> {
  await db.$executeRaw`
    UPDATE console_session SET revoked_at = now() WHERE id_hash = ${idHash} AND revoked_at IS NULL`;
}
