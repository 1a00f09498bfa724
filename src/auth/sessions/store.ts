import type { Db, Lookups } from '../../database/client.ts';
import type { Identity } from '../keys/store.ts';
import { maxSessionsPerKey, retentionDays, sessionLifetimeSeconds } from './rules.ts';

/** A session that is valid now. */
export interface ActiveSession {
  identity: Identity;
  expiresAt: Date;
  /** Whether the stored last use is more than a minute old. */
  isLastSeenOld: boolean;
}

/** Inserts a session of the key in `identity`. Returns when it expires, by the database's clock. */
export async function insertSession(
  db: Db,
  idHash: string,
  { environmentId, keyId }: Identity,
): Promise<Date> {
  const [{ expires }] = await db.$queryRaw<[{ expires: number }]>`
    INSERT INTO console_session (id_hash, environment_id, key_id, expires_at)
    VALUES (${idHash}, ${environmentId}, ${keyId}::uuid, now() + make_interval(secs => ${sessionLifetimeSeconds}))
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
  const { rows } = await db.query<Identity & { expires: number; isLastSeenOld: boolean }>({
    name: 'console session',
    text: `
      select k.id as "keyId", k.environment_id as "environmentId", k.kind::text, k.last_four as "lastFour",
        extract(epoch from s.expires_at)::float8 as expires,
        s.last_seen_at < now() - interval '1 minute' as "isLastSeenOld"
      from console_session s join api_key k on k.environment_id = s.environment_id and k.id = s.key_id
      where s.id_hash = $1 and s.revoked_at is null and s.expires_at > now()
        and k.revoked_at is null and k.kind = 'PRIVATE'`,
    values: [idHash],
  });
  const [row] = rows;
  if (row === undefined) return null;
  const { expires, isLastSeenOld, ...identity } = row;
  return { identity, expiresAt: new Date(expires * 1_000), isLastSeenOld };
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
