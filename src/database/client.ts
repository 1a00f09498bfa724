import { PrismaPg } from '@prisma/adapter-pg';
import { Pool } from 'pg';
import { PrismaClient } from './generated/client.ts';

/** Inside and outside of a transaction alike: what a store needs to read and write. */
export type Db = Omit<PrismaClient, '$connect' | '$disconnect' | '$on' | '$transaction' | '$extends'>;

export interface Database {
  prisma: PrismaClient;
  /** The few connections of the hot path; see src/usage/store.ts. */
  hot: Pool;
  /** The connections of transactions in batches and of background jobs, which must not hold up the hot path. */
  work: Pool;
  close(): Promise<void>;
}

/** How the connections of requests are told from all others. */
export const applicationName = 'open-kana';
const workConnections = 6;

/** A transaction may wait for a connection, and for the lock of a busy user; in milliseconds. */
const patience = { maxWait: 15_000, timeout: 15_000 };

/** Opens the connections lazily: nothing is reached before the first statement. */
export function openDatabase(url: string, hotConnections = 6): Database {
  const prisma = new PrismaClient({
    adapter: new PrismaPg({ connectionString: url, application_name: applicationName, max: 10 }),
    transactionOptions: patience,
  });
  const hot = openPool(url, hotConnections);
  const work = openPool(url, workConnections);
  return {
    prisma,
    hot,
    work,
    close: async () => {
      await Promise.all([prisma.$disconnect(), hot.end(), work.end()]);
    },
  };
}

function openPool(url: string, max: number): Pool {
  const pool = new Pool({
    connectionString: url,
    application_name: applicationName,
    max,
    // The few statements of a pool look up by key, whatever the values: planning them anew for each batch would
    // cost several times what running a small one costs.
    onConnect: async (client) => {
      await client.query('set plan_cache_mode = force_generic_plan');
    },
  });
  // An idle connection that breaks is replaced by the next statement, and must not end the process.
  pool.on('error', () => undefined);
  return pool;
}
