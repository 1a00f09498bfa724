import { loadConfig } from '../config/config.ts';
import { type Database, openDatabase } from '../database/client.ts';
import { openSession } from '../database/session.ts';
import { StartupError } from '../errors.ts';
import { reachServer } from '../start/database.ts';

/** Aborted by the first SIGINT or SIGTERM, with the exit code. */
const interruption = new AbortController();

/** Of a terminal, npm and the shell send one Ctrl-C several times. A later one ends the process at once. */
const sameSignalMs = 500;

function listenToSignals(): void {
  let firstAt: number | undefined;
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)
    process.on(signal, () => {
      firstAt ??= performance.now();
      if (performance.now() - firstAt > sameSignalMs) process.exit(code);
      interruption.abort(code);
    });
}

class InterruptedError extends Error {}

/** Rejects if the command is interrupted, so that what was started for `work` is stopped. The exit ends `work` itself. */
async function untilInterrupted<Result>(work: () => Promise<Result>): Promise<Result> {
  const { signal } = interruption;
  const interrupted = new Promise<never>((_done, failed) => {
    const fail = () => failed(new InterruptedError());
    if (signal.aborted) fail();
    signal.addEventListener('abort', fail, { once: true });
  });
  return Promise.race([interrupted, signal.aborted ? interrupted : work()]);
}

/** Runs `work` on the configured database. Starts the embedded server if it does not run. */
export async function withDatabase<Result>(work: (database: Database) => Promise<Result>): Promise<Result> {
  const server = await reachServer(loadConfig(), (line) => process.stderr.write(`${line}\n`));
  try {
    await checkUsed(server.url);
    const database = openDatabase(server.url, { isCommand: true });
    return await untilInterrupted(() => work(database).finally(() => database.close()));
  } finally {
    await server.stop();
  }
}

/** Calls `work` with the address of the configured database, as its owner. Starts the embedded server if needed. */
export async function withAddress<Result>(work: (url: string) => Promise<Result>): Promise<Result> {
  const config = loadConfig();
  const server = await reachServer(config, (line) => process.stderr.write(`${line}\n`));
  return untilInterrupted(() => work(config.databaseOwnerUrl ?? server.url)).finally(() => server.stop());
}

/** Commands need the tables that the first start creates. */
async function checkUsed(url: string): Promise<void> {
  const session = await openSession(url);
  const { rows } = await session.query("select to_regclass('api_key') is not null as used");
  await session.end();
  if (!rows[0].used) throw new StartupError('This database has no tables yet: start the server first.');
}

/**
 * Runs a command. Prints an error as one line and sets exit code 1. Interrupted, it stops what it has started, says so and
 * exits as shells expect.
 */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  listenToSignals();
  try {
    await command();
  } catch (error) {
    if (error instanceof InterruptedError) {
      process.stderr.write(`${process.stderr.isTTY ? '\n' : ''}Interrupted.\n`);
      process.exit(interruption.signal.reason);
    }
    process.stderr.write(`${error instanceof StartupError ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
