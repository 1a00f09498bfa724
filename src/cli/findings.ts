import { createHash } from 'node:crypto';
import { amountText } from '../amount.ts';
import type { Proof } from '../backup/facts-rules.ts';
import type { Lookups } from '../database/client.ts';
import { findUnvalidated } from '../database/unvalidated.ts';
import { verifySeals } from '../seals/verify.ts';
import type { KeyDifference } from '../usage/ledger/keys-store.ts';
import { verify } from '../usage/ledger/verify.ts';
import type { Difference } from '../usage/ledger/verify-store.ts';
import type { HoldDifference } from '../usage/reservations/verify-store.ts';
import type { HourDifference, TotalDifference } from '../usage/rollup/verify-store.ts';

export interface Findings {
  users: number;
  /** The users with differences, which can be corrected. */
  userKeys: Set<bigint>;
  counters: number;
  keys: number;
  draws: number;
  holds: number;
  hours: number;
  /** What only a person can correct: broken constraints and seals. */
  broken: number;
}

/** What each line of the findings goes to. */
type Print = (line: string) => void;
type ShowProgress = (done: number, total: number) => void;

const lineOf = ({ userKey, subscriptionId, featureId, windowStart, ledger, counter }: Difference) =>
  `user key ${userKey}, subscription ${subscriptionId}, feature ${featureId}, window from ${windowStart.toISOString()}: ledger ${amountText(ledger)}, counter ${amountText(counter)}`;

const keyProblems = {
  MISSING: 'its idempotency key is not kept',
  SURPLUS: 'an idempotency key is kept that it does not have',
  OTHER: 'its idempotency key is kept with another usage',
};

/** Without the key itself: it may tell about a person. */
const keyLineOf = ({ userKey, eventId, what }: KeyDifference) =>
  `user key ${userKey}, usage ${eventId}: ${keyProblems[what]}`;

const hourLineOf = ({ userKey, featureId, hour, ledger, rollup }: HourDifference) =>
  `user key ${userKey}, feature ${featureId}, hour from ${hour.toISOString()}: ledger ${amountText(ledger)}, rollup ${amountText(rollup)}`;

const holdLineOf = ({ userKey, featureId, expiresAt, reserved, held }: HoldDifference) =>
  `user key ${userKey}, feature ${featureId}, held until ${expiresAt.toISOString()}: open reservations ${amountText(reserved)}, held ${amountText(held)}`;

const totalLineOf = ({ environmentId, featureId, hour, users, rollup }: TotalDifference) =>
  `environment ${environmentId}, feature ${featureId}, hour from ${hour.toISOString()}: all users ${amountText(users)}, rollup ${amountText(rollup)}`;

/** Compares everything and prints the differences. Reads only, so it can run in a transaction. */
export async function findAll(db: Lookups, print: Print, progress: ShowProgress): Promise<Findings> {
  const broken = (await printUnvalidated(db, print)) + (await printBrokenSeals(db, print));
  const userKeys = new Set<bigint>();
  const differences = { counters: 0, keys: 0, draws: 0, holds: 0, hours: 0 };
  const { users } = await verify(db, {
    progress,
    counter(difference) {
      differences.counters += 1;
      userKeys.add(difference.userKey);
      print(lineOf(difference));
    },
    key(difference) {
      differences.keys += 1;
      userKeys.add(difference.userKey);
      print(keyLineOf(difference));
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
  if (differences.keys > 0) print(`${differences.keys} idempotency keys differ from the ledger.`);
  if (differences.draws > 0) print(`${differences.draws} draws from top-ups do not add up.`);
  if (differences.holds > 0) print(`${differences.holds} holds differ from the open reservations.`);
  if (differences.hours > 0) print(`${differences.hours} hours of usage over time differ from the ledger.`);
  return { users, userKeys, ...differences, broken };
}

/** Prints the invariants that old rows violate. The operator must correct them; --repair does not. */
async function printUnvalidated(db: Lookups, print: Print): Promise<number> {
  const found = await findUnvalidated(db);
  for (const { table, constraint } of found)
    print(
      `table ${table}: rows of an earlier version violate ${constraint}. Correct or delete them, then run: ALTER TABLE "${table}" VALIDATE CONSTRAINT "${constraint}";`,
    );
  return found.length;
}

const logNames = {
  LEDGER: 'ledger',
  AUDIT: 'audit log',
  AMENDMENTS: 'record of amendments',
  SUMS: 'sums of old usage',
};

/** Prints the first range of each log that differs from its seal. No command can repair that. */
async function printBrokenSeals(db: Lookups, print: Print): Promise<number> {
  const found = await verifySeals(db);
  for (const { seal, by } of found) {
    const { log, number, afterId, lastId, rowCount, sealedAt } = seal;
    const from = afterId < 0n ? '' : `after id ${afterId} `;
    const range = `${rowCount} rows ${from}up to id ${lastId}, seal ${number} of ${sealedAt.toISOString()}`;
    const what =
      by === 'ROWS'
        ? 'were changed, deleted or added to since they were sealed'
        : 'have a seal that does not follow from the one before it';
    print(`${logNames[log]}: the ${range}, ${what}.`);
  }
  return found.length;
}

/** What verify says, as something to compare: of a source and of its copy it must be the same. */
export async function prove(db: Lookups, progress: ShowProgress): Promise<Proof> {
  const hash = createHash('sha256');
  const findings = await findAll(db, (line) => hash.update(`${line}\n`), progress);
  const { users, counters, keys, draws, holds, hours, broken } = findings;
  return { users, differences: counters + keys + draws + holds + hours + broken, sha256: hash.digest('hex') };
}
