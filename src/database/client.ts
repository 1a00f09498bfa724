import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';
import type { Tracing } from '../telemetry/tracing.ts';
import { bindCallers, endWithCaller } from './cancellation.ts';
import { createClock, type ReadClock } from './clock.ts';
import { PrismaClient } from './generated/client.ts';
import { type CuttablePool, openPool, takeTurns } from './pool.ts';
import { lookupPlans, queuePlans, sessionSettings } from './settings.ts';

/** What a store needs to read and write, inside and outside a transaction. */
export type Db = Omit<PrismaClient, '$connect' | '$disconnect' | '$on' | '$transaction' | '$extends'>;

/** Runs single read-only statements that never wait for a row lock. */
export type Lookups = Pick<Pool, 'query'>;

/** The connections of one environment, separate for each kind of work. */
export interface Connections {
  /** Requests that read and change everything but usage. */
  prisma: PrismaClient;
  /** The few connections of the hot path; see src/usage/record/store.ts. */
  hot: Pool;
  /** The connections of Segment's events. Separate, so that they do not delay the hot path. */
  work: Pool;
}

/** All connections. The inherited ones are for work that belongs to no single environment. */
export interface Database extends Connections {
  /** The connections of an environment. */
  of(environmentId: string): Connections;
  /** A few connections on which nothing is locked, so that they are always free soon. */
  lookups: Lookups;
  /** Reads the database's clock, which all its servers share. */
  readClock: ReadClock;
  /** Whether a statement for an environment runs now, or waits: somebody is being answered. */
  isBusy(): boolean;
  /** All pools, by the names that operators see. */
  pools: Record<string, Pool>;
  /** Makes all running and new statements fail at once, while the database does not answer; see watch.ts. */
  cutOff(): void;
  reconnect(): void;
  close(): Promise<void>;
}

export const environments = ['live', 'test'] as const;

/** Identifies the connections of requests in pg_stat_activity. */
export const applicationName = 'open-kana';
/** Identifies those of the shared pool of work: deliveries use it, and jobs do not rest because of them. */
const deliveriesName = 'open-kana deliveries';

/** The number of connections of each environment, for each kind of work. */
const connectionsOf = { requests: 8, hot: 7, work: 5 };
/** For start, commands, jobs and the metrics, which belong to no environment. */
const sharedConnections = { requests: 4, hot: 2, work: 4 };
const lookupConnections = 2;

/** The maximum wait for a connection, and the maximum duration of a transaction, in milliseconds. */
const transactionLimits = { maxWait: 10_000, timeout: 15_000 };

/** The session settings of each pool. A longer task sets longer timeouts in its own transaction. */
const serverSessions = {
  requests: sessionSettings({ lockTimeoutMs: 5_000, statementTimeoutMs: 15_000 }),
  hot: sessionSettings({ lockTimeoutMs: 2_500, statementTimeoutMs: 10_000 }, lookupPlans),
  work: sessionSettings({ lockTimeoutMs: 5_000, statementTimeoutMs: 15_000 }, lookupPlans),
  deliveries: sessionSettings({ lockTimeoutMs: 5_000, statementTimeoutMs: 15_000 }, queuePlans),
  lookups: sessionSettings({ lockTimeoutMs: 2_500, statementTimeoutMs: 5_000 }),
};
const commandSession = sessionSettings({ lockTimeoutMs: 60_000, statementTimeoutMs: 0 });
const commandSessions = {
  requests: commandSession,
  hot: commandSession,
  work: commandSession,
  deliveries: commandSession,
  lookups: commandSession,
};

interface Options {
  tracing?: Tracing | null;
  /** For an operator's command, which may read whole tables: no statement timeout. */
  isCommand?: boolean;
}

/** A client on the connections of a pool, each of which runs one statement at a time; see takeTurns. */
export const openPrisma = (pool: Pool): PrismaClient =>
  new PrismaClient({
    adapter: new PrismaPg(pool),
    transactionOptions: transactionLimits,
    // No excerpts of our source in messages. The stack shows the location.
    errorFormat: 'minimal',
  });

/** The same, for requests: their statements can end with their caller. */
export function openRequests(pool: Pool): PrismaClient {
  bindCallers(pool);
  pool.on('connect', (client) => {
    endWithCaller(client);
    takeTurns(client);
  });
  return openPrisma(pool);
}

/** Connections are opened lazily, with the first statement. */
export function openDatabase(url: string, { tracing = null, isCommand = false }: Options = {}): Database {
  const sessions = isCommand ? commandSessions : serverSessions;
  const pools: Record<string, CuttablePool> = {};
  const open = (name: string, kind: keyof typeof sessions, max: number) => {
    const application_name = kind === 'deliveries' ? deliveriesName : applicationName;
    const config = {
      connectionString: url,
      application_name,
      max,
      pipeline: kind === 'hot' || kind === 'work' || kind === 'deliveries',
    };
    const opened = openPool({ ...config, settings: sessions[kind] }, tracing);
    pools[name] = opened;
    return opened.pool;
  };
  const prismas: PrismaClient[] = [];
  const openAll = (
    max: typeof connectionsOf,
    nameOf: (kind: string) => string,
    workKind: 'work' | 'deliveries',
  ): Connections => {
    const prisma = openRequests(open(nameOf('requests'), 'requests', max.requests));
    prismas.push(prisma);
    const hot = open(nameOf('hot'), 'hot', max.hot);
    return { prisma, hot, work: open(nameOf('work'), workKind, max.work) };
  };
  const shared = openAll(sharedConnections, (kind) => kind, 'deliveries');
  const byEnvironment = new Map<string, Connections>(
    environments.map((id) => [id, openAll(connectionsOf, (kind) => `${id}_${kind}`, 'work')]),
  );
  const ofEnvironments = environments.flatMap((id) =>
    ['requests', 'hot', 'work'].flatMap((kind) => pools[`${id}_${kind}`]?.pool ?? []),
  );
  const lookups = open('lookups', 'lookups', lookupConnections);
  return {
    ...shared,
    of: (environmentId) => byEnvironment.get(environmentId) ?? shared,
    lookups,
    readClock: createClock(lookups),
    isBusy: () => ofEnvironments.some((pool) => pool.totalCount > pool.idleCount || pool.waitingCount > 0),
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
