import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';
import type { Tracing } from '../telemetry/tracing.ts';
import { createClock, type ReadClock } from './clock.ts';
import { PrismaClient } from './generated/client.ts';
import { openPool, takeTurns } from './pool.ts';
import { lookupPlans, sessionSettings } from './settings.ts';

/** Inside and outside of a transaction alike: what a store needs to read and write. */
export type Db = Omit<PrismaClient, '$connect' | '$disconnect' | '$on' | '$transaction' | '$extends'>;

/** Where single statements are run that only read, and never wait for the lock of a row. */
export type Lookups = Pick<Pool, 'query'>;

export interface Database {
  prisma: PrismaClient;
  /** The few connections of the hot path; see src/usage/record/store.ts. */
  hot: Pool;
  /** The connections of transactions in batches and of background jobs, which must not hold up the hot path. */
  work: Pool;
  /** A few connections for what has to be answered whoever waits for whom: nobody locks anything on them. */
  lookups: Lookups;
  /** What time it is for all servers on this database. */
  readClock: ReadClock;
  /** All of them, by the names that operators see. */
  pools: Record<string, Pool>;
  /** Fails at once, and from now on, what waits for a database that does not answer; see watch.ts. */
  cutOff(): void;
  reconnect(): void;
  close(): Promise<void>;
}

/** How the connections of requests are told from all others. */
export const applicationName = 'open-kana';
const workConnections = 6;

/** How long a transaction may wait for a connection, and then last, in milliseconds. */
const transactionLimits = { maxWait: 10_000, timeout: 15_000 };

/** What the connections of each pool are set to. A longer task sets longer deadlines in its own transaction. */
const serverSessions = {
  requests: sessionSettings({ lockTimeoutMs: 5_000, statementTimeoutMs: 15_000 }),
  hot: sessionSettings({ lockTimeoutMs: 2_500, statementTimeoutMs: 10_000 }, lookupPlans),
  work: sessionSettings({ lockTimeoutMs: 5_000, statementTimeoutMs: 15_000 }, lookupPlans),
  lookups: sessionSettings({ lockTimeoutMs: 2_500, statementTimeoutMs: 5_000 }),
};
const commandSession = sessionSettings({ lockTimeoutMs: 60_000, statementTimeoutMs: 0 });
const commandSessions = {
  requests: commandSession,
  hot: commandSession,
  work: commandSession,
  lookups: commandSession,
};

const requestConnections = 10;
const lookupConnections = 2;

interface Options {
  hotConnections?: number;
  tracing?: Tracing | null;
  /** Whether an operator runs a command, which may read whole tables and take as long as it needs. */
  isCommand?: boolean;
}

/** Opens the connections lazily: nothing is reached before the first statement. */
export function openDatabase(
  url: string,
  { hotConnections = 7, tracing = null, isCommand = false }: Options = {},
): Database {
  const at = { connectionString: url, application_name: applicationName };
  const sessions = isCommand ? commandSessions : serverSessions;
  const requests = openPool({ ...at, max: requestConnections, settings: sessions.requests }, tracing);
  requests.pool.on('connect', takeTurns);
  const hot = openPool({ ...at, max: hotConnections, settings: sessions.hot }, tracing);
  const work = openPool({ ...at, max: workConnections, settings: sessions.work }, tracing);
  const lookups = openPool({ ...at, max: lookupConnections, settings: sessions.lookups }, tracing);
  const pools = [requests, hot, work, lookups];
  const prisma = new PrismaClient({
    adapter: new PrismaPg(requests.pool),
    transactionOptions: transactionLimits,
    // Without excerpts of our source in each message; what they leave out, its callers' stack tells.
    errorFormat: 'minimal',
  });
  return {
    prisma,
    hot: hot.pool,
    work: work.pool,
    lookups: lookups.pool,
    readClock: createClock(lookups.pool),
    pools: { requests: requests.pool, hot: hot.pool, work: work.pool, lookups: lookups.pool },
    cutOff() {
      for (const each of pools) each.cutOff();
    },
    reconnect() {
      for (const each of pools) each.reconnect();
    },
    close: async () => {
      await prisma.$disconnect();
      await Promise.all(pools.map(({ pool }) => pool.end()));
    },
  };
}
