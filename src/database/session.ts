import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { StartupError } from '../errors.ts';
import { findObstacle, refuse } from './requirements.ts';
import { applySettings, sessionSettings } from './settings.ts';

/** How long to wait for a database that is starting. */
const startTimeoutMs = 5_000;

/** A migration may take as long as it needs, and wait for one that another instance runs. */
const startSettings = sessionSettings({ lockTimeoutMs: 600_000, statementTimeoutMs: 0 });

/**
 * Opens one connection for a task at start. Throws a StartupError, within a few seconds and without the
 * password, if the server cannot be reached, refuses us, or cannot be worked on.
 */
export async function openSession(url: string): Promise<Client> {
  const session = await connect(url, performance.now() + startTimeoutMs);
  try {
    refuse(place(url), await findObstacle(session, url));
    return session;
  } catch (error) {
    await session.end();
    throw error;
  }
}

async function connect(url: string, deadline: number): Promise<Client> {
  for (;;) {
    const session = new Client({
      connectionString: url,
      application_name: 'open-kana start',
      connectionTimeoutMillis: Math.max(deadline - performance.now(), 100),
    });
    // If the connection breaks between two statements, the next statement fails.
    session.on('error', () => undefined);
    try {
      await session.connect();
      await applySettings(session, startSettings);
      return session;
    } catch (error) {
      await session.end().catch(() => undefined);
      if (!isPassing(error) || performance.now() + 250 > deadline)
        throw new StartupError(`The database at ${place(url)} cannot be used: ${reason(error)}.`);
      await sleep(250);
    }
  }
}

/** Whether the server may answer soon: it is not listening yet, starts, shuts down, or hangs. */
export function isPassing(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    /^(ECONNREFUSED|ECONNRESET|EPIPE|57P0.)$/.test(code ?? '') ||
    /terminated|timeout expired/.test(message ?? '')
  );
}

function reason(error: unknown): string {
  const { code = '', message } = error as { code?: string; message?: string };
  if (certificateCodes.has(code)) return `${message ?? code}; ${certificateAdvice}`;
  return message || code || String(error);
}

/** The error codes of Node.js for a certificate without a trusted issuer. */
const certificateCodes = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
const certificateAdvice =
  'in DATABASE_URL, add sslrootcert=/path/to/ca.pem to trust it, or set sslmode=no-verify to encrypt without knowing the server';

/** The address without user and password: host, port and database name. */
export function place(url: string): string {
  // A URL of a socket may have no host, and the directory as a parameter.
  const { hostname, port, pathname, searchParams } = new URL(url.replace('@/', '@localhost/'));
  const host = searchParams.get('host') ?? (decodeURIComponent(hostname) || 'localhost');
  return `${host}${port && `:${port}`}${pathname}`;
}
