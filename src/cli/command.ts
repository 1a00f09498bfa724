import { loadConfig } from '../config/config.ts';
import { type Database, openDatabase } from '../database/client.ts';
import { openSession } from '../database/session.ts';
import { StartupError } from '../errors.ts';
import { reachServer } from '../start/database.ts';

/** Runs `work` on the configured database. Starts the embedded server if it does not run. */
export async function withDatabase<Result>(work: (database: Database) => Promise<Result>): Promise<Result> {
  const server = await reachServer(loadConfig(), (line) => process.stderr.write(`${line}\n`));
  try {
    await checkUsed(server.url);
    const database = openDatabase(server.url, { isCommand: true });
    return await work(database).finally(() => database.close());
  } finally {
    await server.stop();
  }
}

/** Calls `work` with the address of the configured database, as its owner. Starts the embedded server if needed. */
export async function withAddress<Result>(work: (url: string) => Promise<Result>): Promise<Result> {
  const config = loadConfig();
  const server = await reachServer(config, (line) => process.stderr.write(`${line}\n`));
  return work(config.databaseOwnerUrl ?? server.url).finally(() => server.stop());
}

/** Commands need the tables that the first start creates. */
async function checkUsed(url: string): Promise<void> {
  const session = await openSession(url);
  const { rows } = await session.query("select to_regclass('api_key') is not null as used");
  await session.end();
  if (!rows[0].used) throw new StartupError('This database has no tables yet: start the server first.');
}

/** Runs a command. Prints an error as one line and sets exit code 1. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    process.stderr.write(`${error instanceof StartupError ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
