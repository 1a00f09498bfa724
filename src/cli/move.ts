import '../start/environment.ts';
import { parseArgs } from 'node:util';
import { load } from '../backup/load-store.ts';
import { openSnapshot } from '../backup/snapshot-store.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { readDatabaseUrl } from '../config/database-address.ts';
import { publicAddress } from '../database/session.ts';
import type { EmbeddedServer } from '../embedded-postgres/server.ts';
import { StartupError } from '../errors.ts';
import { reachServer } from '../start/database.ts';
import { calledAs } from './calls.ts';
import { runCommand, withAddress } from './command.ts';
import { findKeyFile, proveWithProgress, reportTables, saidByVerify } from './transfer.ts';

const call = calledAs('move');
const usage = `Usage, while no server runs:
  ${call} --to postgresql://user:password@host/database    copy everything to an empty PostgreSQL of your own
  ${call} --to embedded    copy everything from DATABASE_URL to an embedded database in DATA_DIR`;

function readTarget(): string {
  try {
    const { to } = parseArgs({ options: { to: { type: 'string' } } }).values;
    if (to !== undefined) return to;
  } catch {}
  throw new StartupError(usage);
}

/** Reaches the database to move to. */
async function reachTarget(to: string, config: Config): Promise<EmbeddedServer> {
  if (to !== 'embedded') return { url: readDatabaseUrl(to, '--to'), stop: async () => undefined };
  if (config.databaseUrl === undefined)
    throw new StartupError(
      'The database is the embedded one. To move from another one, set DATABASE_URL to it.',
    );
  return reachServer({ ...config, databaseUrl: undefined }, (line) => process.stderr.write(`${line}\n`));
}

/** What is left to do by hand. */
function advice(to: string, keyFile: string | null): string {
  if (to === 'embedded') return 'Now remove DATABASE_URL, keep KANA_SECRET_KEY, and start the server.';
  const key = keyFile === null ? '' : `, KANA_SECRET_KEY to what is in ${keyFile},`;
  return `Now set DATABASE_URL to it${key} and start the server. Delete the old database when you are sure.`;
}

await runCommand(async () => {
  const to = readTarget();
  const target = await reachTarget(to, loadConfig());
  try {
    await withAddress(async (url) => {
      const snapshot = await openSnapshot(url, { isLast: true, prove: proveWithProgress });
      try {
        const report = reportTables(snapshot.facts);
        const proof = await load(target.url, snapshot, { ...report, prove: proveWithProgress });
        process.stdout.write(
          `Moved ${report.rows()} rows to ${publicAddress(target.url)}. It says the same as the source: ${saidByVerify(proof)}\n`,
        );
      } finally {
        await snapshot.close();
      }
    });
  } finally {
    await target.stop();
  }
  process.stdout.write(`${advice(to, findKeyFile())}\n`);
});
