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

/** The most sessions of one key. Beyond it, the oldest are removed. */
export const maxSessionsPerKey = 1_000;

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

/**
 * Each environment has its own cookie, so that one browser can be signed in to both. The prefix `__Host-` needs HTTPS;
 * with it, no other host of the domain can set the cookie.
 */
const cookieName = (environmentId: EnvironmentId, secure: boolean) =>
  `${secure ? '__Host-' : ''}kana_console_${environmentId}`;

/** Returns the session token of an environment from these headers, or null. */
export function readSessionCookie(
  headers: ProxyHeaders & { cookie?: string | undefined },
  environmentId: EnvironmentId,
): string | null {
  const start = `${cookieName(environmentId, isSecure(headers))}=`;
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(start))?.slice(start.length) || null;
}

/**
 * Returns the `Set-Cookie` that stores a session in a browser, or removes it if the token is empty. Scripts cannot read
 * the cookie, and requests from other sites do not carry it.
 *
 * @param secure whether the browser may send it over HTTPS only
 */
export function sessionCookie(environmentId: EnvironmentId, token: string, secure: boolean): string {
  const maxAge = token === '' ? 0 : sessionLifetimeSeconds;
  const parts = [`${cookieName(environmentId, secure)}=${token}`, 'Path=/', `Max-Age=${maxAge}`, 'HttpOnly'];
  return [...parts, 'SameSite=Strict', ...(secure ? ['Secure'] : [])].join('; ');
}
