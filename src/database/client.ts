import { PrismaPg } from '@prisma/adapter-pg';
import type { ClientBase, Pool } from 'pg';
import type { Tracing } from '../telemetry/tracing.ts';
import { PrismaClient } from './generated/client.ts';
import { openPool, takeTurns } from './pool.ts';

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

/** A transaction may wait for a connection, and for the lock of a busy user; in milliseconds. */
const patience = { maxWait: 15_000, timeout: 15_000 };

const requestConnections = 10;
const lookupConnections = 2;

/** Opens the connections lazily: nothing is reached before the first statement. */
export function openDatabase(
  url: string,
  { hotConnections = 7, tracing = null }: { hotConnections?: number; tracing?: Tracing | null } = {},
): Database {
  const at = { connectionString: url, application_name: applicationName };
  const requests = openPool({ ...at, max: requestConnections }, tracing);
  requests.pool.on('connect', takeTurns);
  const hot = openPool({ ...at, max: hotConnections, onConnect: planOnce }, tracing);
  const work = openPool({ ...at, max: workConnections, onConnect: planOnce }, tracing);
  const lookups = openPool({ ...at, max: lookupConnections }, tracing);
  const pools = [requests, hot, work, lookups];
  const prisma = new PrismaClient({
    adapter: new PrismaPg(requests.pool),
    transactionOptions: patience,
    // Without excerpts of our source in each message; what they leave out, its callers' stack tells.
    errorFormat: 'minimal',
  });
  return {
    prisma,
    hot: hot.pool,
    work: work.pool,
    lookups: lookups.pool,
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

/**
 * The few statements of these pools look up by key, whatever the values: planning them anew for each batch would
 * cost several times what running a small one costs.
 */
async function planOnce(client: ClientBase): Promise<void> {
  await client.query('set plan_cache_mode = force_generic_plan');
}
