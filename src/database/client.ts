import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';
import type { Tracing } from '../telemetry/tracing.ts';
import { createClock, type ReadClock } from './clock.ts';
import { PrismaClient } from './generated/client.ts';
import { type CuttablePool, openPool, takeTurns } from './pool.ts';
import { lookupPlans, sessionSettings } from './settings.ts';

/** Inside and outside of a transaction alike: what a store needs to read and write. */
export type Db = Omit<PrismaClient, '$connect' | '$disconnect' | '$on' | '$transaction' | '$extends'>;

/** Where single statements are run that only read, and never wait for the lock of a row. */
export type Lookups = Pick<Pool, 'query'>;

/** The connections of one environment, and of one kind of work each: nobody waits for those of another. */
export interface Connections {
  /** Requests that read and change everything but usage. */
  prisma: PrismaClient;
  /** The few connections of the hot path; see src/usage/record/store.ts. */
  hot: Pool;
  /** The connections of Segment's events, which must not hold up the hot path. */
  work: Pool;
}

/** What belongs to no environment, or to any, has the connections of its own that are named here. */
export interface Database extends Connections {
  /** The connections of an environment. */
  of(environmentId: string): Connections;
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

/** The environments that there are. */
const environments = ['live', 'test'];

/** How the connections of requests are told from all others. */
export const applicationName = 'open-kana';

/** How many connections each environment has for each kind of work. */
const connectionsOf = { requests: 8, hot: 7, work: 5 };
/** For start, commands, jobs and the metrics, which belong to no environment. */
const sharedConnections = { requests: 4, hot: 2, work: 4 };
const lookupConnections = 2;

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

interface Options {
  tracing?: Tracing | null;
  /** Whether an operator runs a command, which may read whole tables and take as long as it needs. */
  isCommand?: boolean;
}

/** Opens the connections lazily: nothing is reached before the first statement. */
export function openDatabase(url: string, { tracing = null, isCommand = false }: Options = {}): Database {
  const sessions = isCommand ? commandSessions : serverSessions;
  const pools: Record<string, CuttablePool> = {};
  const open = (name: string, kind: keyof typeof sessions, max: number) => {
    const config = { connectionString: url, application_name: applicationName, max };
    const opened = openPool({ ...config, settings: sessions[kind] }, tracing);
    pools[name] = opened;
    return opened.pool;
  };
  const prismas: PrismaClient[] = [];
  const openAll = (max: typeof connectionsOf, nameOf: (kind: string) => string): Connections => {
    const requests = open(nameOf('requests'), 'requests', max.requests);
    requests.on('connect', takeTurns);
    const prisma = new PrismaClient({
      adapter: new PrismaPg(requests),
      transactionOptions: transactionLimits,
      // Without excerpts of our source in each message; what they leave out, its callers' stack tells.
      errorFormat: 'minimal',
    });
    prismas.push(prisma);
    const hot = open(nameOf('hot'), 'hot', max.hot);
    return { prisma, hot, work: open(nameOf('work'), 'work', max.work) };
  };
  const shared = openAll(sharedConnections, (kind) => kind);
  const byEnvironment = new Map(
    environments.map((id) => [id, openAll(connectionsOf, (kind) => `${id}_${kind}`)]),
  );
  const lookups = open('lookups', 'lookups', lookupConnections);
  return {
    ...shared,
    of: (environmentId) => byEnvironment.get(environmentId) ?? shared,
    lookups,
    readClock: createClock(lookups),
    pools: Object.fromEntries(Object.entries(pools).map(([name, { pool }]) => [name, pool])),
    cutOff() {
      for (const each of Object.values(pools)) each.cutOff();
    },
    reconnect() {
      for (const each of Object.values(pools)) each.reconnect();
    },
    close: async () => {
      await Promise.all(prismas.map((prisma) => prisma.$disconnect()));
      await Promise.all(Object.values(pools).map(({ pool }) => pool.end()));
    },
  };
}
