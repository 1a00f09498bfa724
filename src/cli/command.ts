import { loadConfig } from '../config.ts';
import { type Database, openDatabase } from '../database/client.ts';
import { openSession } from '../database/session.ts';
import { StartupError } from '../errors.ts';
import { reachServer } from '../start/database.ts';

/** Runs `work` on the configured database. An embedded one is started if it does not run. */
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

/** The first start creates the tables that commands need. */
async function checkUsed(url: string): Promise<void> {
  const session = await openSession(url);
  const { rows } = await session.query("select to_regclass('api_key') is not null as used");
  await session.end();
  if (!rows[0].used) throw new StartupError('This database has never been used: run `npm start` first.');
}

/** Runs a command. An error that the operator can act on is one line. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    process.stderr.write(`${error instanceof StartupError ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
