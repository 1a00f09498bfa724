import type { EnvironmentId } from '../keys/rules.ts';

/**
 * The console's pages send this header with every request. Its value is the environment. Browsers send cookies by
 * themselves, but no other site can make them send this header. So a cookie without it is ignored.
 */
export const consoleHeader = 'x-kana-console';

/** The maximum lifetime of a session: a working day. */
export const sessionLifetimeSeconds = 12 * 60 * 60;

/** How long expired sessions stay in the table. */
export const retentionDays = 30;

/** The most sessions of one key, or of one member. Beyond it, the oldest are removed. */
export const maxSessionsPerOwner = 1_000;

/** The random part of a token. */
export const tokenBytes = 32;

const tokenPattern = /^ses_(?<environment>test|live)_[\w-]{43}$/;

/** A token is `ses_`, then `test_` or `live_`, then random bytes. The log redacts it by its prefix. */
export function formatToken(environmentId: string, random: Buffer): string {
  return `ses_${environmentId}_${random.toString('base64url')}`;
}

/** Returns the environment that a token claims. Null if it is not written like a token. */
export function parseToken(token: string): string | null {
  return tokenPattern.exec(token)?.groups?.environment ?? null;
}

/** The headers in which a proxy that ends TLS reports the browser's protocol. */
export interface ProxyHeaders {
  'x-forwarded-proto'?: string | string[] | undefined;
  forwarded?: string | string[] | undefined;
}

/**
 * Whether the browser uses HTTPS. Anybody can send these headers, but they only make the cookie stricter. With several
 * proxies, the first value is the browser's.
 */
export function isSecure(headers: ProxyHeaders): boolean {
  const first = (value: string | string[] | undefined) => String(value ?? '').split(',', 1)[0] ?? '';
  if (/(^|;)\s*proto="?https"?\s*(;|$)/i.test(first(headers.forwarded))) return true;
  return first(headers['x-forwarded-proto']).trim().toLowerCase() === 'https';
}

/** How sessions are kept in a browser. */
export interface SessionCookies {
  /** Returns the session token of an environment from these headers, or null. */
  read(headers: ProxyHeaders & { cookie?: string | undefined }, environmentId: EnvironmentId): string | null;
  /**
   * Returns the `Set-Cookie` that stores a session in a browser, or removes it if the token is empty. Scripts cannot
   * read the cookie, and requests from other sites do not carry it. Over HTTPS, as these headers tell, the browser
   * sends it over HTTPS only.
   */
  write(headers: ProxyHeaders, environmentId: EnvironmentId, token: string): string;
  /** The same for where in the database's log the last change of this browser is; see src/database/replica-rules.ts. */
  readWritten(
    headers: ProxyHeaders & { cookie?: string | undefined },
    environmentId: EnvironmentId,
  ): string | null;
  writeWritten(headers: ProxyHeaders, environmentId: EnvironmentId, position: string): string;
}

/** A replica that is read shows what is older than this; see maxAgeMs there. */
const writtenLifetimeSeconds = 60;

/**
 * Each environment has its own cookie, so that one browser can be signed in to both. The prefix `__Host-` needs HTTPS;
 * with it, no other host of the domain can set the cookie. Browsers accept it for the path `/` only. So its name
 * contains the base path: two servers on one host keep their sessions apart.
 *
 * @param basePath such as `/kana`; empty at the root
 */
export function createSessionCookies(basePath: string): SessionCookies {
  const nameOf = (what: string, secure: boolean) =>
    secure ? `__Host-${what}${basePath.replaceAll('/', '~')}` : what;
  function read(headers: ProxyHeaders & { cookie?: string | undefined }, what: string): string | null {
    const start = `${nameOf(what, isSecure(headers))}=`;
    const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
    return pairs.find((pair) => pair.startsWith(start))?.slice(start.length) || null;
  }
  function write(headers: ProxyHeaders, what: string, value: string, maxAge: number): string {
    const secure = isSecure(headers);
    const path = secure || basePath === '' ? '/' : basePath;
    const parts = [`${nameOf(what, secure)}=${value}`, `Path=${path}`, `Max-Age=${maxAge}`];
    return [...parts, 'HttpOnly', 'SameSite=Strict', ...(secure ? ['Secure'] : [])].join('; ');
  }
  const session = (environmentId: EnvironmentId) => `kana_console_${environmentId}`;
  const written = (environmentId: EnvironmentId) => `kana_written_${environmentId}`;
  return {
    read: (headers, environmentId) => read(headers, session(environmentId)),
    write: (headers, environmentId, token) =>
      write(headers, session(environmentId), token, token === '' ? 0 : sessionLifetimeSeconds),
    readWritten: (headers, environmentId) => read(headers, written(environmentId)),
    writeWritten: (headers, environmentId, position) =>
      write(headers, written(environmentId), position, writtenLifetimeSeconds),
  };
}
