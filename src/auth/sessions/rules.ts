import { z } from 'zod';
import type { EnvironmentId } from '../keys/rules.ts';

/**
 * The console's pages send this header with every request, and name their environment in it. The session is a
 * cookie, which a browser sends by itself; a header no other site can make it send. So the cookie counts for
 * nothing without the header.
 */
export const consoleHeader = 'x-kana-console';

/** For how long a session is good, in seconds: a working day. */
export const sessionLifetime = 12 * 60 * 60;

/** The one way to sign a session. One that says it is signed in another way, or not at all, is refused. */
export const sessionAlgorithm = 'HS256';

/** What a session is for; the user tokens that the same secrets sign are for something else. */
export const sessionAudience = 'kana-console';

/** What a session says of itself: which key was shown when it began. Times are in seconds since 1970. */
export const SessionClaims = z.object({ keyId: z.uuid(), exp: z.number() });

/** Each environment has a cookie of its own, so that somebody can be signed in to both. */
const cookieName = (environmentId: EnvironmentId) => `kana_console_${environmentId}`;

/** The session of an environment in a `Cookie` header; null if it holds none. */
export function readSessionCookie(
  header: string | null | undefined,
  environmentId: EnvironmentId,
): string | null {
  const start = `${cookieName(environmentId)}=`;
  const pairs = (header ?? '').split(';').map((pair) => pair.trim());
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
  const parts = [`${cookieName(environmentId)}=${token}`, 'Path=/', `Max-Age=${age}`, 'HttpOnly'];
  return [...parts, 'SameSite=Strict', ...(secure ? ['Secure'] : [])].join('; ');
}
