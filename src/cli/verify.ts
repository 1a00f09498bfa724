import { parseArgs } from 'node:util';
import { StartupError } from '../errors.ts';
import { repair, verify } from '../usage/verify-actions.ts';
import type { Difference } from '../usage/verify-store.ts';
import { runCommand, withDatabase } from './command.ts';

const usage = `Usage:
  npm run verify              compare every counter with the ledger; exit code 1 if any differs
  npm run verify -- --repair  and make the counters that differ what the ledger says`;

const barWidth = 30;

function readOptions(): { repair: boolean } {
  try {
    const { values } = parseArgs({ options: { repair: { type: 'boolean', default: false } } });
    return values;
  } catch {
    throw new StartupError(usage);
  }
}

/** Redraws one line while people watch; a log gets the outcome only. */
function showProgress(done: number, total: number): void {
  if (!process.stderr.isTTY) return;
  const filled = total === 0 ? barWidth : Math.round((done / total) * barWidth);
  const bar = '='.repeat(filled).padEnd(barWidth);
  process.stderr.write(`\r[${bar}] ${done} of ${total} users${done === total ? '\n' : ''}`);
}

const lineOf = ({ userKey, subscriptionId, featureId, windowStart, ledger, counter }: Difference) =>
  `user key ${userKey}, subscription ${subscriptionId}, feature ${featureId}, window from ${windowStart.toISOString()}: ledger ${ledger}, counter ${counter}`;

await runCommand(async () => {
  const options = readOptions();
  await withDatabase(async (database) => {
    let differing = 0;
    const userKeys = new Set<bigint>();
    const { users } = await verify(database.hot, showProgress, (difference) => {
      differing += 1;
      userKeys.add(difference.userKey);
      process.stdout.write(`${lineOf(difference)}\n`);
    });
    process.stdout.write(`${users} users verified, ${differing} counters differ from the ledger.\n`);
    if (differing === 0) return;
    if (!options.repair) {
      process.exitCode = 1;
      return;
    }
    for (const userKey of userKeys) await repair(database.prisma, userKey);
    process.stdout.write(`Recounted ${userKeys.size} users from the ledger.\n`);
  });
});
