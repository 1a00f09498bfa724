import '../start/environment.ts';
import { parseArgs } from 'node:util';
import { createEncryption } from '../auth/secrets/encryption.ts';
import { createSecretKey } from '../auth/secrets/secret-key.ts';
import { createConnections } from '../billing/connection.ts';
import { isStripeFailure, reasonOf } from '../billing/stripe.ts';
import { verifyStripe } from '../billing/verify.ts';
import { loadConfig } from '../config/config.ts';
import type { Database } from '../database/client.ts';
import { StartupError } from '../errors.ts';
import { findSecretKey } from '../start/secret-key.ts';
import { repair, repairTotals } from '../usage/ledger/verify.ts';
import { calledAs } from './calls.ts';
import { runCommand, withDatabase } from './command.ts';
import { findAll } from './findings.ts';
import { showProgress } from './progress.ts';

const call = calledAs('verify');
const usage = `Usage:
  ${call}           compare all counters, idempotency keys and usage over time with the ledger, what is held with the open
                    reservations, and the ledger and the audit log with their seals; exit code 1 if anything differs
  ${call} --repair  also correct counters, idempotency keys, usage over time and what is held
  ${call} --stripe  also compare what is held by what was paid, and what was sent to meters, with what Stripe says`;

function readOptions(): { repair: boolean; stripe: boolean } {
  const option = { type: 'boolean', default: false } as const;
  try {
    const { values } = parseArgs({ options: { repair: option, stripe: option } });
    return values;
  } catch {
    throw new StartupError(usage);
  }
}

/** Compares every connected environment with Stripe. Mending is left to an import. */
async function printStripe(database: Database): Promise<void> {
  const { stripeApiBase, ...config } = loadConfig();
  const encryption = createEncryption(createSecretKey(await findSecretKey(config)));
  const open = createConnections(database.prisma, encryption, { apiBase: stripeApiBase });
  const connections = await database.prisma.stripeConnection.findMany({
    where: { disconnectedAt: null },
    orderBy: { environmentId: 'asc' },
  });
  if (connections.length === 0) throw new StartupError('No environment is connected with Stripe.');
  for (const { environmentId, importState } of connections) {
    const connected = await open(environmentId);
    if (connected === null) continue;
    if (importState === 'RUNNING')
      process.stdout.write(
        `environment ${environmentId}: an import is running; what it has not read differs.\n`,
      );
    let differences = 0;
    const note = (line: string) => process.stdout.write(`environment ${environmentId}, ${line}\n`);
    const customers = await verifyStripe(database, connected, {
      progress: showProgress('customers'),
      note,
      print(line) {
        differences += 1;
        note(line);
      },
      stop: new AbortController().signal,
    });
    process.stdout.write(
      `environment ${environmentId}: ${customers} customers compared with Stripe, ${differences} differences.\n`,
    );
    if (differences > 0) process.exitCode = 1;
  }
}

/** What Stripe's library throws may tell about a person or a key. */
async function withoutSecrets(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw isStripeFailure(error) ? new StartupError(`Stripe could not be asked: ${reasonOf(error)}.`) : error;
  }
}

await runCommand(async () => {
  const options = readOptions();
  await withDatabase(async (database) => {
    if (options.stripe) await withoutSecrets(() => printStripe(database));
    const print = (line: string) => process.stdout.write(`${line}\n`);
    const progress = showProgress('users');
    const { userKeys, counters, keys, draws, holds, hours, broken } = await findAll(
      database.hot,
      print,
      progress,
    );
    if (broken > 0) process.exitCode = 1;
    if (counters + keys + draws + holds + hours === 0) return;
    if (!options.repair) {
      process.exitCode = 1;
      return;
    }
    for (const userKey of userKeys) await repair(database.prisma, userKey);
    if (hours > 0) await repairTotals(database.prisma);
    process.stdout.write(`Recounted ${userKeys.size} users from the ledger.\n`);
  });
});
