import type { Author } from '../audit/rules.ts';
import { readAuthorization, readEnvironmentId } from './keys/rules.ts';
import type { Identity, Keyring } from './keys/store.ts';
import { consoleHeader, type ProxyHeaders, readSessionCookie } from './sessions/rules.ts';
import type { Sessions } from './sessions/sessions.ts';

/** Who does what a private key allows, and how: with the key itself, or signed in to the console with it. */
export interface Caller extends Identity {
  through: 'PRIVATE_KEY' | 'CONSOLE';
}

/** Where a request may carry credentials. */
interface Credentials extends ProxyHeaders {
  authorization?: string;
  cookie?: string;
  [consoleHeader]?: string | string[];
}

/** Who holds this key; null if it is not a valid private one. */
export async function identifyHolder(keyring: Keyring, key: string | null): Promise<Caller | null> {
  const identity = key === null ? null : await keyring.identify(key);
  return identity?.kind === 'PRIVATE' ? { ...identity, through: 'PRIVATE_KEY' } : null;
}

/**
 * Who calls the admin API: whoever sends a key; or else, from a page of the console, whoever is signed in to the
 * environment that the page names.
 */
export async function identifyCaller(
  headers: Credentials,
  { keyring, sessions }: { keyring: Keyring; sessions: Sessions },
): Promise<Caller | null> {
  const key = readAuthorization(headers.authorization);
  if (key !== null) return identifyHolder(keyring, key);
  const environmentId = readEnvironmentId(headers[consoleHeader]);
  if (environmentId === null) return null;
  const token = readSessionCookie(headers, environmentId);
  const session = token === null ? null : await sessions.find(token, environmentId);
  return session === null ? null : { ...session.identity, through: 'CONSOLE' };
}

/**
 * Whose allowance a call counts against. In the console somebody sees why the rest is refused: it has an allowance
 * of its own.
 */
export const allowanceOf = ({ through, keyId }: Caller): string => `${through} ${keyId}`;

/** Who a caller is in the audit log. */
export function authorOf(
  caller: Caller,
  { id: requestId, clientId: clientRequestId }: { id: string; clientId: string | null },
): Author {
  return {
    environmentId: caller.environmentId,
    kind: caller.through,
    keyId: caller.keyId,
    lastFour: caller.lastFour,
    requestId,
    clientRequestId,
  };
}
