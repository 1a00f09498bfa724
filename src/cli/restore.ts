import '../start/environment.ts';
import { resolve } from 'node:path';
import { openBackup } from '../backup/file.ts';
import { load } from '../backup/load-store.ts';
import { loadConfig } from '../config/config.ts';
import { StartupError } from '../errors.ts';
import { calledAs } from './calls.ts';
import { runCommand, withAddress } from './command.ts';
import { showProgress } from './progress.ts';
import { findKeyFile, proveWithProgress, reportTables, saidByVerify } from './transfer.ts';

const call = calledAs('restore');
const usage = `Usage:
  ${call} FILE    load a backup into the configured database, which must be empty`;

await runCommand(async () => {
  const [file, ...more] = process.argv.slice(2);
  if (file === undefined || file.startsWith('-') || more.length > 0) throw new StartupError(usage);
  const snapshot = await openBackup(resolve(file), { onProgress: showProgress('bytes') });
  try {
    await withAddress(async (url) => {
      const report = reportTables(snapshot.facts, { hasBar: false });
      const proof = await load(url, snapshot, { ...report, prove: proveWithProgress });
      process.stdout.write(
        `Loaded ${report.rows()} rows, of ${snapshot.facts.takenAt}. ${saidByVerify(proof)}\n`,
      );
    });
  } finally {
    await snapshot.close();
  }
  if (loadConfig().secretKey === undefined && findKeyFile() === null)
    process.stdout.write(
      `Before you start the server, set KANA_SECRET_KEY to the key of the server that was backed up, or put its file ` +
        `secret-key into DATA_DIR.\n`,
    );
});
