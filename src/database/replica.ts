import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { StartupError } from '../errors.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { applicationName, environments, type Lookups, openRequests } from './client.ts';
import type { PrismaClient } from './generated/client.ts';
import { shareReadings } from './joint-reading.ts';
import { type CuttablePool, openPool } from './pool.ts';
import {
  addMark,
  maxAgeMs,
  noMarks,
  type Obstacle,
  type Position,
  type PrimaryFacts,
  parsePosition,
  type Reading,
  type ReplicaFacts,
  readingOf,
} from './replica-rules.ts';
import { findObstacle } from './requirements.ts';
import { isTemporary, openOnce, publicAddress, reason } from './session.ts';
import { sessionSettings } from './settings.ts';
import { type PolledTable, settledUntilBy } from './settled.ts';

/** What a read must find: everything that was committed before it, or what lies below a position. */
export type Needs = 'EVERYTHING' | { below: Position | null };

/** The connections of a read, and how old what they show may be. */
export interface ReplicaRead {
  db: PrismaClient;
  ageMs: number;
  /**
   * The instant of settledUntil, as the primary knows it. The replica shows all rows from before it.
   *
   * @throws ReplicaBehindError if the replica does not show them soon
   */
  settledUntil(table: PolledTable): Promise<Date>;
}

/** The replica lacks what a read needs: the primary answers. */
class ReplicaBehindError extends Error {
  /** As of a connection that broke: the read is repeated on the primary. */
  readonly code = '08000';
}

/** What became of the reads that may use the replica. `behind`: it lacked something that the caller needed. */
export const readOutcomes = ['read', 'behind', 'unusable', 'failed'] as const;
type ReadOutcome = (typeof readOutcomes)[number];

/** A standby of the database, for reads that nothing depends on; see src/graphql/reading.ts. */
export interface Replica {
  /** Null: read the primary. */
  read(environmentId: string, needs: Needs): Promise<ReplicaRead | null>;
  /** A read failed there, and is done on the primary. */
  noteFailure(): void;
  /** Returns a position that everything committed before the call lies below. */
  writtenUntil(): Promise<Position>;
  /** Why it is not read now, or null. */
  obstacle(): Obstacle | null;
  /** How old what it shows may be. Null: it is not read. */
  ageMs(): number | null;
  readonly outcomes: Readonly<Record<ReadOutcome, number>>;
  pools: Record<string, Pool>;
  close(): Promise<void>;
}

interface Options {
  tracing?: Tracing | null;
  /** Receives why the replica is no longer read, and null when it is again. */
  onChange?: (obstacle: Obstacle | null) => void;
  intervalMs?: number;
}

/** The connections of each environment, and those for positions. */
const readConnections = 5;
const lookupConnections = 2;
/** A replica that takes longer to answer is not worth a wait: the primary answers. */
const connectionTimeoutMs = 2_000;
const questionTimeoutMs = 1_000;
/** The longest wait for a replica to show what was committed before a read. */
const catchUpMs = 250;
const catchUpPollMs = 10;
/** A replica that lags more will not catch up within that time. */
const hopelessLagMs = 2_000;
/** How many questions in a row may stay without an answer until running reads are broken off. */
const unansweredLimit = 2;

/** A standby has the system identifier of its primary, and each database its number there. */
const identitySql = `(select system_identifier::text from pg_control_system()) || ' ' ||
  (select oid::text from pg_database where datname = current_database())`;
const primarySql = `
  select pg_current_wal_flush_lsn()::text as position, ${identitySql} as identity,
    left(pg_walfile_name(pg_current_wal_flush_lsn()), 8) as timeline`;
const replicaSql = `
  select case when pg_is_in_recovery() then coalesce(pg_last_wal_replay_lsn(), '0/0')::text end as position,
    ${identitySql} as identity`;
const writtenSql = 'select pg_current_wal_flush_lsn()::text as position';

interface Row {
  position: string | null;
  identity: string;
  timeline: string;
}

/** Opens a replica, and asks it and the primary all the time how far they are. */
export function openReplica(
  url: string,
  primary: Lookups,
  { tracing = null, onChange = () => undefined, intervalMs = 500 }: Options = {},
): Replica {
  const { opened, ofEnvironments, lookups } = openConnections(url, tracing);
  const outcomes = { read: 0, behind: 0, unusable: 0, failed: 0 };
  const controller = new AbortController();
  let marks = noMarks;
  let state: Reading = { obstacle: 'it does not answer' };
  /** The last obstacle that was told. Undefined: nothing was told yet. */
  let told: Obstacle | null | undefined;

  const noteAnswer = createCutOff(opened);
  const askReplica = shareReadings(() => readReplica(lookups));
  const writtenUntil = shareReadings(() => readWritten(primary));

  async function ask(): Promise<void> {
    const replica = await askReplica().catch(() => null);
    const askedAt = performance.now();
    const facts = await readPrimary(primary).catch(() => null);
    noteAnswer(replica !== null);
    if (facts !== null) marks = addMark(marks, facts, askedAt);
    state = readingOf(replica, facts, marks, performance.now());
    if ('obstacle' in state && state.obstacle === 'it does not follow the primary') marks = noMarks;
    const obstacle = 'obstacle' in state ? state.obstacle : null;
    // At the start, a replica that is read is nothing to tell.
    if (obstacle !== (told ?? null)) onChange(obstacle);
    told = obstacle;
  }
  async function watch(): Promise<void> {
    while (!controller.signal.aborted) {
      await ask();
      await sleep(intervalMs, undefined, { signal: controller.signal }).catch(() => undefined);
    }
  }
  /** Whether the replica shows what lies below this position, or does so within a short time. */
  async function reaches(wanted: Position, deadline: number): Promise<boolean> {
    for (;;) {
      if ('obstacle' in state) return false;
      if (state.position >= wanted) return true;
      const facts = await askReplica();
      if (facts.position === null || performance.now() > deadline) return false;
      if (facts.position >= wanted) return true;
      await sleep(catchUpPollMs);
    }
  }
  async function ageFor(needs: Needs): Promise<number | null> {
    if ('obstacle' in state) return null;
    const ageMs = performance.now() - state.completeUntilMs;
    if (needs !== 'EVERYTHING')
      return ageMs <= maxAgeMs && state.position >= (needs.below ?? 0n) ? ageMs : null;
    if (ageMs > hopelessLagMs) return null;
    const deadline = performance.now() + catchUpMs;
    return (await reaches(await writtenUntil(), deadline)) ? 0 : null;
  }
  async function settled(table: PolledTable): Promise<Date> {
    const until = await settledUntilBy(primary, table);
    // Asked for afterwards: all that was committed by then lies below it.
    const wanted = await writtenUntil();
    if (await reaches(wanted, performance.now() + catchUpMs)) return until;
    throw new ReplicaBehindError('the replica does not show the newest rows yet');
  }
  const watching = watch();
  return {
    async read(environmentId, needs) {
      const db = ofEnvironments.get(environmentId);
      const isRead = db !== undefined && !('obstacle' in state);
      const ageMs = isRead ? await ageFor(needs).catch(() => null) : null;
      outcomes[isRead ? (ageMs === null ? 'behind' : 'read') : 'unusable'] += 1;
      return db === undefined || ageMs === null ? null : { db, ageMs, settledUntil: settled };
    },
    noteFailure() {
      outcomes.failed += 1;
    },
    writtenUntil,
    obstacle: () => ('obstacle' in state ? state.obstacle : null),
    ageMs: () => ('obstacle' in state ? null : performance.now() - state.completeUntilMs),
    outcomes,
    pools: Object.fromEntries(Object.entries(opened).map(([name, { pool }]) => [name, pool])),
    async close() {
      controller.abort();
      await watching;
      for (const prisma of ofEnvironments.values()) await prisma.$disconnect();
      await Promise.all(Object.values(opened).map(({ pool }) => pool.end()));
    },
  };
}

/** Opens the connections to a replica: those of each environment, and those for its position. */
function openConnections(url: string, tracing: Tracing | null) {
  const opened: Record<string, CuttablePool> = {};
  const open = (name: string, max: number, timeouts: Parameters<typeof sessionSettings>[0], more = {}) => {
    // A standby that is promoted takes no writes of ours either.
    const settings = sessionSettings(timeouts, { default_transaction_read_only: 'on' });
    const config = { connectionString: url, application_name: applicationName, max, settings, ...more };
    const made = openPool({ ...config, connectionTimeoutMillis: connectionTimeoutMs }, tracing);
    opened[name] = made;
    return made.pool;
  };
  const ofEnvironments = new Map<string, PrismaClient>(
    environments.map((id) => {
      const timeouts = { lockTimeoutMs: 5_000, statementTimeoutMs: 15_000 };
      return [id, openRequests(open(`replica_${id}_reads`, readConnections, timeouts))];
    }),
  );
  const lookups = open(
    'replica_lookups',
    lookupConnections,
    { lockTimeoutMs: questionTimeoutMs, statementTimeoutMs: questionTimeoutMs },
    { query_timeout: questionTimeoutMs },
  );
  return { opened, ofEnvironments, lookups };
}

/** Returns what to call after each check of the replica. It aborts running reads when the replica stops answering. */
function createCutOff(opened: Record<string, CuttablePool>): (hasAnswered: boolean) => void {
  let unanswered = 0;
  return (hasAnswered) => {
    unanswered = hasAnswered ? 0 : unanswered + 1;
    // Each question opens a connection of its own again: those that there are may be broken.
    if (unanswered === unansweredLimit) for (const each of Object.values(opened)) each.cutOff();
    if (unanswered >= unansweredLimit) opened.replica_lookups?.reconnect();
    else for (const each of Object.values(opened)) each.reconnect();
  };
}

async function readReplica(lookups: Lookups): Promise<ReplicaFacts> {
  const { rows } = await lookups.query<Row>({ name: 'replica', text: replicaSql });
  const [row] = rows;
  if (row === undefined) throw new Error('the replica returned no position');
  return { identity: row.identity, position: row.position === null ? null : positionOf(row) };
}

async function readPrimary(lookups: Lookups): Promise<PrimaryFacts> {
  const { rows } = await lookups.query<Row>({ name: 'primary', text: primarySql });
  const [row] = rows;
  if (row === undefined) throw new Error('the primary returned no position');
  return { identity: row.identity, timeline: row.timeline, position: positionOf(row) };
}

async function readWritten(lookups: Lookups): Promise<Position> {
  const { rows } = await lookups.query<Row>({ name: 'written', text: writtenSql });
  return positionOf(rows[0]);
}

function positionOf(row: Pick<Row, 'position'> | undefined): Position {
  const position = parsePosition(row?.position ?? '');
  if (position === null) throw new Error('the database returned no position');
  return position;
}

/**
 * Refuses a replica that can never be read, as a start refuses such a database. One that is gone, or is no standby at
 * present, is none: it may come back. @throws StartupError
 */
export async function refuseReplica(url: string): Promise<void> {
  const session = await openOnce(url, connectionTimeoutMs).catch((error) => {
    if (isTemporary(error) || isNetworkError(error)) return null;
    throw new StartupError(`The replica at ${publicAddress(url)} cannot be used: ${reason(error)}.`);
  });
  if (session === null) return;
  try {
    const obstacle = await findObstacle(session, url);
    if (obstacle !== null) throw new StartupError(`The replica at ${publicAddress(url)} ${obstacle}.`);
  } finally {
    await session.end();
  }
}

const isNetworkError = ({ code = '' }: { code?: string }) => /^E[A-Z_]+$/.test(code);
