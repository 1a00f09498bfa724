import type { Author } from '../audit/rules.ts';
import { readAuthorization, readEnvironmentId } from './keys/rules.ts';
import type { Identity, Keyring } from './keys/store.ts';
import type { Permissions } from './permission-rules.ts';
import { consoleHeader, type ProxyHeaders } from './sessions/rules.ts';
import type { Sessions } from './sessions/sessions.ts';

/** A caller of the admin API: with a private key, or with a session of the console. */
export interface Caller {
  environmentId: string;
  through: 'PRIVATE_KEY' | 'CONSOLE';
  /** What the log calls the credentials. */
  kind: 'PRIVATE' | 'MEMBER';
  /** The key, or the key that started the session; null for a member. */
  keyId: string | null;
  lastFour: string | null;
  memberId: string | null;
  permissions: Permissions;
  /** Until when the Authorization header alone tells who it is; see Identity. Null: each request is identified. */
  validUntil: number | null;
  /** The author in the audit log, without the request. */
  author: Omit<Author, 'requestId' | 'clientRequestId'>;
  /** Of a console session: where in the database's log its last change is, and the cookie that keeps the next one. */
  written?: { position: string | null; cookieOf(position: string): string };
}

/** A sender of events: with a private or a write key. */
export interface Sender extends Identity {
  through: 'PRIVATE_KEY' | 'WRITE_KEY';
}

/** The headers that may contain credentials. */
interface Credentials extends ProxyHeaders {
  authorization?: string;
  cookie?: string;
  [consoleHeader]?: string | string[];
}

/** Returns the caller with this key. Null if it is not a valid private key. */
export async function identifyHolder(keyring: Keyring, key: string | null): Promise<Caller | null> {
  const identity = key === null ? null : await keyring.identify(key);
  return identity?.kind === 'PRIVATE' ? holderOf(identity) : null;
}

/** Requests with a key share its identity, and so the caller. */
const holders = new WeakMap<Identity, Caller>();

function holderOf(identity: Identity): Caller {
  const known = holders.get(identity);
  if (known !== undefined) return known;
  const { permissions, validUntil, environmentId, keyId, lastFour } = identity;
  const who = { environmentId, keyId, lastFour, memberId: null };
  const author = { ...who, kind: 'PRIVATE_KEY' } as const;
  const caller = {
    ...who,
    kind: 'PRIVATE',
    through: 'PRIVATE_KEY',
    permissions,
    validUntil,
    author,
  } as const;
  holders.set(identity, caller);
  return caller;
}

/** Returns the sender with this key. Null if it is neither a valid private nor a valid write key. */
export async function identifySender(keyring: Keyring, key: string | null): Promise<Sender | null> {
  const identity = key === null ? null : await keyring.identify(key);
  if (identity === null || identity.kind === 'PUBLIC') return null;
  return { ...identity, through: identity.kind === 'WRITE' ? 'WRITE_KEY' : 'PRIVATE_KEY' };
}

/**
 * Identifies the caller of the admin API: by the key, or else, for pages of the console, by the session of the
 * environment that the page names. Null if neither is valid.
 */
export async function identifyCaller(
  headers: Credentials,
  { keyring, sessions }: { keyring: Keyring; sessions: Sessions },
): Promise<Caller | null> {
  const key = readAuthorization(headers.authorization);
  if (key !== null) return identifyHolder(keyring, key);
  const environmentId = readEnvironmentId(headers[consoleHeader]);
  if (environmentId === null) return null;
  const token = sessions.cookies.read(headers, environmentId);
  const session = token === null ? null : await sessions.find(token, environmentId);
  if (session === null) return null;
  const { keyId, lastFour, member, permissions } = session;
  const memberId = member?.id ?? null;
  const kind = memberId === null ? 'PRIVATE' : 'MEMBER';
  const written = {
    position: sessions.cookies.readWritten(headers, environmentId),
    cookieOf: (position: string) => sessions.cookies.writeWritten(headers, environmentId, position),
  };
  const who = { environmentId, keyId, lastFour, memberId };
  const author = { ...who, kind: 'CONSOLE' } as const;
  return { ...who, through: 'CONSOLE', kind, permissions, validUntil: null, author, written };
}

/**
 * The rate limit that a call counts against. The console has its own, so that it still works while a key's calls are
 * refused.
 */
export const allowanceOf = ({ through, keyId, memberId = null }: Holder): string =>
  `${through} ${keyId ?? memberId}`;

interface Holder {
  through: string;
  keyId: string | null;
  memberId?: string | null;
}
