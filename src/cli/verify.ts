import '../start/environment.ts';
import { parseArgs } from 'node:util';
import { StartupError } from '../errors.ts';
import { repair, repairTotals } from '../usage/ledger/verify.ts';
import { calledAs } from './calls.ts';
import { runCommand, withDatabase } from './command.ts';
import { findAll } from './findings.ts';
import { showProgress } from './progress.ts';

const call = calledAs('verify');
const usage = `Usage:
  ${call}           compare all counters and usage over time with the ledger, what is held with the open
                    reservations, and the ledger and the audit log with their seals; exit code 1 if anything differs
  ${call} --repair  also correct counters, usage over time and what is held`;

function readOptions(): { repair: boolean } {
  try {
    const { values } = parseArgs({ options: { repair: { type: 'boolean', default: false } } });
    return values;
  } catch {
    throw new StartupError(usage);
  }
}

await runCommand(async () => {
  const options = readOptions();
  await withDatabase(async (database) => {
    const print = (line: string) => process.stdout.write(`${line}\n`);
    const progress = showProgress('users');
    const { userKeys, counters, draws, holds, hours, broken } = await findAll(database.hot, print, progress);
    if (broken > 0) process.exitCode = 1;
    if (counters + draws + holds + hours === 0) return;
    if (!options.repair) {
      process.exitCode = 1;
      return;
    }
    for (const userKey of userKeys) await repair(database.prisma, userKey);
    if (hours > 0) await repairTotals(database.prisma);
    process.stdout.write(`Recounted ${userKeys.size} users from the ledger.\n`);
  });
});
