import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { addressesOf } from '../config/database-address.ts';
import { StartupError } from '../errors.ts';
import { PrimaryClient } from './primary-client.ts';
import { findObstacle, refuse } from './requirements.ts';
import { applySettings, sessionSettings } from './settings.ts';

/** How long to wait for a database that is starting. */
const startTimeoutMs = 5_000;
const retryDelayMs = 250;

/** A migration has no time limit, and may wait for another instance's migration. */
const startSettings = sessionSettings({ lockTimeoutMs: 600_000, statementTimeoutMs: 0 });

/**
 * Opens one connection for a task at start. If the database cannot be reached or used, throws a StartupError within a
 * few seconds. Its message does not contain the password.
 */
export async function openSession(url: string): Promise<Client> {
  const session = await connect(url, performance.now() + startTimeoutMs);
  try {
    refuse(publicAddress(url), await findObstacle(session, url));
    return session;
  } catch (error) {
    await session.end();
    throw error;
  }
}

async function connect(url: string, deadline: number): Promise<Client> {
  for (;;) {
    try {
      return await openOnce(url, Math.max(deadline - performance.now(), 100));
    } catch (error) {
      const mayAnswer = isTemporary(error) || addressesOf(url).length > 1;
      if (!mayAnswer || performance.now() + retryDelayMs > deadline)
        throw new StartupError(`The database at ${publicAddress(url)} cannot be used: ${reason(error)}.`);
      await sleep(retryDelayMs);
    }
  }
}

/** Opens such a connection in one attempt. @throws the driver's error */
export async function openOnce(url: string, timeoutMs: number): Promise<Client> {
  const session = new PrimaryClient({
    connectionString: url,
    application_name: 'open-kana start',
    connectionTimeoutMillis: timeoutMs,
  });
  // If the connection breaks between two statements, the next statement fails.
  session.on('error', () => undefined);
  try {
    await session.connect();
    await applySettings(session, startSettings);
    return session;
  } catch (error) {
    await session.end().catch(() => undefined);
    throw error;
  }
}

/** Whether the server does not listen yet, is starting or stopping, or hangs. It may answer soon. */
export function isTemporary(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    /^(ECONNREFUSED|ECONNRESET|EPIPE|57P0.)$/.test(code ?? '') ||
    /terminated|timeout expired/.test(message ?? '')
  );
}

export function reason(error: unknown): string {
  const { code = '', message } = error as { code?: string; message?: string };
  // Node.js 24 adds advice of its own after a semicolon, about how to run Node.js.
  if (code === '42501' && message?.includes('session_replication_role')) return noTriggers;
  if (certificateCodes.has(code)) return `${message?.split('; ', 1)[0] ?? code}; ${certificateAdvice}`;
  return message || code || String(error);
}

/** Node.js' codes for untrusted certificates. */
const certificateCodes = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
const noTriggers =
  'session_replication_role is replica for the database or the role, so no trigger runs; reset it: ALTER DATABASE … RESET session_replication_role, and ALTER ROLE … RESET session_replication_role';
const certificateAdvice =
  'in DATABASE_URL, add sslrootcert=/path/to/ca.pem to trust it, or set sslmode=no-verify to encrypt without verifying the server';

/** Returns the address without user and password: host, port and database name. */
export function publicAddress(url: string): string {
  // The host may be missing, and a socket's directory be a parameter.
  return addressesOf(url).map(publicAddressOfOne).join(' or ');
}

function publicAddressOfOne(url: string): string {
  const { hostname, port, pathname, searchParams } = new URL(url.replace('@/', '@localhost/'));
  const host = searchParams.get('host') ?? (decodeURIComponent(hostname) || 'localhost');
  return `${host}${port && `:${port}`}${pathname}`;
}
