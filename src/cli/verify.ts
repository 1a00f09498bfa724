import '../start/environment.ts';
import { parseArgs } from 'node:util';
import { amountText } from '../amount.ts';
import type { Database } from '../database/client.ts';
import { findUnvalidated } from '../database/unvalidated.ts';
import { StartupError } from '../errors.ts';
import { verifySeals } from '../seals/verify.ts';
import { repair, repairTotals, verify } from '../usage/ledger/verify.ts';
import type { Difference } from '../usage/ledger/verify-store.ts';
import type { HoldDifference } from '../usage/reservations/verify-store.ts';
import type { HourDifference, TotalDifference } from '../usage/rollup/verify-store.ts';
import { calledAs, runCommand, withDatabase } from './command.ts';

const call = calledAs('verify');
const usage = `Usage:
  ${call}           compare all counters and usage over time with the ledger, what is held with the open
                    reservations, and the ledger and the audit log with their seals; exit code 1 if anything differs
  ${call} --repair  also correct counters, usage over time and what is held`;

const barWidth = 30;

function readOptions(): { repair: boolean } {
  try {
    const { values } = parseArgs({ options: { repair: { type: 'boolean', default: false } } });
    return values;
  } catch {
    throw new StartupError(usage);
  }
}

/** Redraws one line on a terminal. A log file gets only the result. */
function showProgress(done: number, total: number): void {
  if (!process.stderr.isTTY) return;
  const filled = total === 0 ? barWidth : Math.round((done / total) * barWidth);
  const bar = '='.repeat(filled).padEnd(barWidth);
  process.stderr.write(`\r[${bar}] ${done} of ${total} users${done === total ? '\n' : ''}`);
}

const lineOf = ({ userKey, subscriptionId, featureId, windowStart, ledger, counter }: Difference) =>
  `user key ${userKey}, subscription ${subscriptionId}, feature ${featureId}, window from ${windowStart.toISOString()}: ledger ${amountText(ledger)}, counter ${amountText(counter)}`;

const hourLineOf = ({ userKey, featureId, hour, ledger, rollup }: HourDifference) =>
  `user key ${userKey}, feature ${featureId}, hour from ${hour.toISOString()}: ledger ${amountText(ledger)}, rollup ${amountText(rollup)}`;

const holdLineOf = ({ userKey, featureId, expiresAt, reserved, held }: HoldDifference) =>
  `user key ${userKey}, feature ${featureId}, held until ${expiresAt.toISOString()}: open reservations ${amountText(reserved)}, held ${amountText(held)}`;

const totalLineOf = ({ environmentId, featureId, hour, users, rollup }: TotalDifference) =>
  `environment ${environmentId}, feature ${featureId}, hour from ${hour.toISOString()}: all users ${amountText(users)}, rollup ${amountText(rollup)}`;

/** Compares everything and prints the differences. */
async function findAll(database: Database) {
  const userKeys = new Set<bigint>();
  const differences = { counters: 0, draws: 0, holds: 0, hours: 0 };
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const { users } = await verify(database.hot, {
    progress: showProgress,
    counter(difference) {
      differences.counters += 1;
      userKeys.add(difference.userKey);
      print(lineOf(difference));
    },
    draw({ userKey, what }) {
      differences.draws += 1;
      userKeys.add(userKey);
      print(`user key ${userKey}, ${what}`);
    },
    hold(difference) {
      differences.holds += 1;
      userKeys.add(difference.userKey);
      print(holdLineOf(difference));
    },
    hour(difference) {
      differences.hours += 1;
      userKeys.add(difference.userKey);
      print(hourLineOf(difference));
    },
    total(difference) {
      differences.hours += 1;
      print(totalLineOf(difference));
    },
  });
  print(`${users} users verified, ${differences.counters} counters differ from the ledger.`);
  if (differences.draws > 0) print(`${differences.draws} draws from top-ups do not add up.`);
  if (differences.holds > 0) print(`${differences.holds} holds differ from the open reservations.`);
  if (differences.hours > 0) print(`${differences.hours} hours of usage over time differ from the ledger.`);
  return { userKeys, ...differences };
}

/** Prints the invariants that old rows violate. The operator must correct them; --repair does not. */
async function printUnvalidated(database: Database): Promise<void> {
  for (const { table, constraint } of await findUnvalidated(database.work)) {
    process.stdout.write(
      `table ${table}: rows of an earlier version violate ${constraint}. Correct or delete them, then run: ALTER TABLE "${table}" VALIDATE CONSTRAINT "${constraint}";\n`,
    );
    process.exitCode = 1;
  }
}

const logNames = { LEDGER: 'ledger', AUDIT: 'audit log', AMENDMENTS: 'record of amendments' };

/** Prints the first range of each log that differs from its seal. No command can repair that. */
async function printBrokenSeals(database: Database): Promise<void> {
  for (const { seal, by } of await verifySeals(database.work)) {
    const { log, number, afterId, lastId, rowCount, sealedAt } = seal;
    const from = afterId < 0n ? '' : `after id ${afterId} `;
    const range = `${rowCount} rows ${from}up to id ${lastId}, seal ${number} of ${sealedAt.toISOString()}`;
    const what =
      by === 'ROWS'
        ? 'were changed, deleted or added to since they were sealed'
        : 'have a seal that does not follow from the one before it';
    process.stdout.write(`${logNames[log]}: the ${range}, ${what}.\n`);
    process.exitCode = 1;
  }
}

await runCommand(async () => {
  const options = readOptions();
  await withDatabase(async (database) => {
    await printUnvalidated(database);
    await printBrokenSeals(database);
    const { userKeys, counters, draws, holds, hours } = await findAll(database);
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
