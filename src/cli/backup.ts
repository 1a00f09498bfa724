import '../start/environment.ts';
import { resolve } from 'node:path';
import { writeBackup } from '../backup/file.ts';
import { openSnapshot } from '../backup/snapshot-store.ts';
import { StartupError } from '../errors.ts';
import { calledAs } from './calls.ts';
import { runCommand, withAddress } from './command.ts';
import { findKeyFile, proveWithProgress, reportTables, saidByVerify } from './transfer.ts';

const call = calledAs('backup');
const usage = `Usage:
  ${call} FILE    write everything in the database to a new file, also while servers run`;

await runCommand(async () => {
  const [file, ...more] = process.argv.slice(2);
  if (file === undefined || file.startsWith('-') || more.length > 0) throw new StartupError(usage);
  const path = resolve(file);
  await withAddress(async (url) => {
    const snapshot = await openSnapshot(url, { isLast: false, prove: proveWithProgress });
    const report = reportTables(snapshot.facts);
    const proof = await writeBackup(path, snapshot, report).finally(() => snapshot.close());
    process.stdout.write(`Wrote ${report.rows()} rows to ${path}. ${saidByVerify(proof)}\n`);
  });
  const keyFile = findKeyFile();
  if (keyFile !== null)
    process.stdout.write(
      `Copy ${keyFile} too, to another place: the secrets in the backup are encrypted with it.\n`,
    );
});
