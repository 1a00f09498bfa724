import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { StartupError } from '../errors.ts';
import { applySettings, sessionSettings } from './settings.ts';

const oldestVersion = 14;
/** How long a database may take to come up beside us, in milliseconds. */
const patience = 5_000;

/** A migration may take as long as it needs, and wait for one that another instance runs. */
const startSettings = sessionSettings({ lockTimeoutMs: 600_000, statementTimeoutMs: 0 });

/**
 * Opens one connection for a task at start. Throws a StartupError, within a few seconds and without the
 * password, if the server cannot be reached, refuses us, or is too old.
 */
export async function openSession(url: string): Promise<Client> {
  const session = await connect(url, Date.now() + patience);
  const { rows } = await session.query("select current_setting('server_version') as version");
  const version: string = rows[0].version;
  if (Number.parseInt(version, 10) >= oldestVersion) return session;
  await session.end();
  throw new StartupError(
    `The database at ${place(url)} is PostgreSQL ${version}; ${oldestVersion} or newer is needed.`,
  );
}

async function connect(url: string, deadline: number): Promise<Client> {
  for (;;) {
    const session = new Client({
      connectionString: url,
      application_name: 'open-kana start',
      connectionTimeoutMillis: Math.max(deadline - Date.now(), 100),
    });
    // A connection that breaks between two statements; the next statement says so.
    session.on('error', () => undefined);
    try {
      await session.connect();
      await applySettings(session, startSettings);
      return session;
    } catch (error) {
      await session.end().catch(() => undefined);
      if (!isPassing(error) || Date.now() + 250 > deadline)
        throw new StartupError(`The database at ${place(url)} cannot be used: ${reason(error)}.`);
      await sleep(250);
    }
  }
}

/** Whether the server is not listening yet, is starting up or shutting down, or hangs: it may answer in a moment. */
export function isPassing(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    /^(ECONNREFUSED|ECONNRESET|EPIPE|57P0.)$/.test(code ?? '') ||
    /terminated|timeout expired/.test(message ?? '')
  );
}

function reason(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return message || code || String(error);
}

/** The address without the password: host, port and database name. */
function place(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}
