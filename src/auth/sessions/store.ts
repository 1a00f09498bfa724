import type { Db, Lookups } from '../../database/client.ts';
import { isValidKeySql } from '../keys/store.ts';
import { type Permissions, permissionsOf, type Role, type Scope, scopesOf } from '../permission-rules.ts';
import { maxSessionsPerOwner, retentionDays, sessionLifetimeSeconds } from './rules.ts';

/** A session of the console: of a private key or of a member. */
export interface Session {
  /** The keyed hash of its token. */
  id: string;
  environmentId: string;
  keyId: string | null;
  lastFour: string | null;
  member: { id: string; name: string; email: string; role: Role } | null;
  permissions: Permissions;
  expiresAt: Date;
}

/** A session that is valid now. */
export interface ActiveSession extends Session {
  /** How long the session and its key stay valid. */
  remainingMs: number;
  /** Whether the stored last use is more than a minute old. */
  isLastSeenOld: boolean;
}

/** Who is signed in. */
export type Owner = { keyId: string; memberId?: never } | { memberId: string; keyId?: never };

/**
 * Inserts a session of this key or member. It ends with the key, and with the role. Nothing is inserted if the key or
 * the role is gone.
 */
export async function insertSession(
  db: Db,
  idHash: string,
  environmentId: string,
  { keyId, memberId }: Owner,
): Promise<void> {
  const owner =
    keyId === undefined
      ? db.$executeRaw`
          INSERT INTO console_session (id_hash, environment_id, member_id, expires_at)
          SELECT ${idHash}, environment_id, member_id, now() + make_interval(secs => ${sessionLifetimeSeconds})
            FROM member_role WHERE environment_id = ${environmentId} AND member_id = ${memberId}::uuid FOR KEY SHARE`
      : db.$executeRaw`
          INSERT INTO console_session (id_hash, environment_id, key_id, expires_at)
          SELECT ${idHash}, ${environmentId}, id,
              least(now() + make_interval(secs => ${sessionLifetimeSeconds}), expires_at)
            FROM api_key WHERE id = ${keyId}::uuid`;
  await owner;
}

/** Removes sessions that expired long ago, and this owner's oldest ones beyond a bound. Skips locked rows. */
export async function removeOldSessions(db: Db, { keyId, memberId }: Owner): Promise<void> {
  await db.$executeRaw`
    DELETE FROM console_session WHERE id_hash IN (
      SELECT id_hash FROM console_session
       WHERE expires_at < now() - make_interval(days => ${retentionDays}) LIMIT 1000 FOR UPDATE SKIP LOCKED)`;
  await db.$executeRaw`
    DELETE FROM console_session WHERE id_hash IN (
      SELECT id_hash FROM console_session
       WHERE key_id = ${keyId ?? null}::uuid OR member_id = ${memberId ?? null}::uuid
       ORDER BY created_at DESC OFFSET ${maxSessionsPerOwner} FOR UPDATE SKIP LOCKED)`;
}

interface SessionRow {
  environmentId: string;
  keyId: string | null;
  lastFour: string | null;
  scopes: Scope[] | null;
  memberId: string | null;
  name: string | null;
  email: string | null;
  role: Role | null;
  expires: number;
  remainingMs: number;
  isLastSeenOld: boolean;
}

/** Returns the session with this id. Null if it is unknown, expired or ended, or its key or role is gone. */
export async function findActiveSession(db: Lookups, idHash: string): Promise<ActiveSession | null> {
  const { rows } = await db.query<SessionRow>({
    name: 'console session of a key or a member',
    text: `
      select s.environment_id as "environmentId", k.id as "keyId", k.last_four as "lastFour", k.scopes::text[] as scopes,
        m.id as "memberId", m.name, m.email, r.role::text as role, extract(epoch from s.expires_at)::float8 as expires,
        extract(epoch from least(s.expires_at, k.expires_at) - now())::float8 * 1000 as "remainingMs",
        s.last_seen_at < now() - interval '1 minute' as "isLastSeenOld"
      from console_session s
        left join api_key k on k.environment_id = s.environment_id and k.id = s.key_id
          and ${isValidKeySql} and k.kind = 'PRIVATE'
        left join member_role r on r.environment_id = s.environment_id and r.member_id = s.member_id
        left join member m on m.id = r.member_id
      where s.id_hash = $1 and s.revoked_at is null and s.expires_at > now() and coalesce(k.id, m.id) is not null`,
    values: [idHash],
  });
  const [row] = rows;
  return row === undefined ? null : sessionOf(idHash, row);
}

function sessionOf(id: string, row: SessionRow): ActiveSession {
  const { environmentId, keyId, lastFour, scopes, memberId, name, email, role, expires, ...rest } = row;
  const isMember = memberId !== null && name !== null && email !== null && role !== null;
  return {
    id,
    environmentId,
    keyId,
    lastFour,
    member: isMember ? { id: memberId, name, email, role } : null,
    permissions: isMember ? permissionsOf(role) : new Set(scopesOf('PRIVATE', scopes ?? [])),
    expiresAt: new Date(expires * 1_000),
    ...rest,
  };
}

/** Stores that the session is in use. Skips a locked row. */
export async function touchSession(db: Db, idHash: string): Promise<void> {
  await db.$executeRaw`
    UPDATE console_session SET last_seen_at = now() WHERE id_hash IN (
      SELECT id_hash FROM console_session WHERE id_hash = ${idHash} FOR UPDATE SKIP LOCKED)`;
}

/** Ends a session. Returns whether it was there and had not ended. */
export async function revokeSession(db: Db, idHash: string): Promise<boolean> {
  const count = await db.$executeRaw`
    UPDATE console_session SET revoked_at = now()
    WHERE id_hash = ${idHash} AND revoked_at IS NULL AND expires_at > now()`;
  return count > 0;
}

/** Ends all sessions of a member, in every environment, but one. Returns their ids. */
export async function revokeSessionsOf(db: Db, memberId: string, except = ''): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    UPDATE console_session SET revoked_at = now()
    WHERE member_id = ${memberId}::uuid AND revoked_at IS NULL AND id_hash <> ${except}
    RETURNING id_hash AS id`;
  return rows.map(({ id }) => id);
}

/** A session of a person, as it is shown to that person. */
export interface OwnSession {
  id: string;
  environment: string;
  createdAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
}

/** The sessions of a member that have not ended, the last used first: at most 100. */
export async function listSessionsOf(db: Db, memberId: string): Promise<OwnSession[]> {
  const rows = await db.consoleSession.findMany({
    where: { memberId, revokedAt: null, expiresAt: { gt: new Date() } },
    orderBy: [{ lastSeenAt: 'desc' }, { idHash: 'asc' }],
    take: 100,
  });
  return rows.map(({ idHash: id, environmentId: environment, createdAt, lastSeenAt, expiresAt }) => ({
    ...{ id, environment, createdAt, lastSeenAt, expiresAt },
  }));
}
