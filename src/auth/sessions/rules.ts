import type { EnvironmentId } from '../keys/rules.ts';

/**
 * The console's pages send this header with every request, and name their environment in it. The session is a
 * cookie, which a browser sends by itself; a header no other site can make it send. So the cookie counts for
 * nothing without the header.
 */
export const consoleHeader = 'x-kana-console';

/** For how long a session is good at most, in seconds: a working day. */
export const sessionLifetime = 12 * 60 * 60;

/** For how many days a session that has expired stays in the table. */
export const keptForDays = 30;

/** How many sessions one key may have; the oldest go first. */
export const maxSessionsPerKey = 1_000;

/** How much of a token is random. */
export const tokenBytes = 32;

const tokenPattern = /^ses_(?<environment>test|live)_[\w-]{43}$/;

/** A token is `ses_`, then `test_` or `live_`, then random bytes: the log knows it by its beginning. */
export function formatToken(environmentId: string, random: Buffer): string {
  return `ses_${environmentId}_${random.toString('base64url')}`;
}

/** The environment that a token says it is for; null if it is not written like one. */
export function parseToken(token: string): string | null {
  return tokenPattern.exec(token)?.groups?.environment ?? null;
}

/** The headers by which a proxy that ends TLS tells how the browser came. */
export interface ProxyHeaders {
  'x-forwarded-proto'?: string | string[] | undefined;
  forwarded?: string | string[] | undefined;
}

/**
 * Whether the browser came by https. Anybody can send these headers; they only make the cookie stricter. Of several
 * proxies the first has seen the browser.
 */
export function isSecure(headers: ProxyHeaders): boolean {
  const first = (value: string | string[] | undefined) => String(value ?? '').split(',', 1)[0] ?? '';
  if (/(^|;)\s*proto="?https"?\s*(;|$)/i.test(first(headers.forwarded))) return true;
  return first(headers['x-forwarded-proto']).trim().toLowerCase() === 'https';
}

/**
 * Each environment has a cookie of its own, so that somebody can be signed in to both. With the prefix `__Host-`, which
 * browsers take by https only, no other host of the domain can set it.
 */
const cookieName = (environmentId: EnvironmentId, secure: boolean) =>
  `${secure ? '__Host-' : ''}kana_console_${environmentId}`;

/** The token of an environment's session in these headers; null if they hold none. */
export function readSessionCookie(
  headers: ProxyHeaders & { cookie?: string | undefined },
  environmentId: EnvironmentId,
): string | null {
  const start = `${cookieName(environmentId, isSecure(headers))}=`;
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(start))?.slice(start.length) || null;
}

/**
 * The `Set-Cookie` that begins a session in a browser, or ends it when the token is empty. No script can read
 * it, and no request that another site brings about carries it.
 *
 * @param secure whether the browser may send it by https only
 */
export function sessionCookie(environmentId: EnvironmentId, token: string, secure: boolean): string {
  const age = token === '' ? 0 : sessionLifetime;
  const parts = [`${cookieName(environmentId, secure)}=${token}`, 'Path=/', `Max-Age=${age}`, 'HttpOnly'];
  return [...parts, 'SameSite=Strict', ...(secure ? ['Secure'] : [])].join('; ');
}
