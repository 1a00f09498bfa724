import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Logger as QueueLogger,
  type Runner,
  run,
  runMigrations,
  type TaskList,
  type WorkerEvents,
} from 'graphile-worker';
import type { Pool, PoolClient } from 'pg';
import type { Logger } from 'pino';
import type { Db } from '../database/client.ts';
import { openPool, takeTurns } from '../database/pool.ts';
import { sessionSettings } from '../database/settings.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { followLanes } from './lanes.ts';
import { withoutOverlap } from './overlap.ts';
import { holdLifeLock, recoverJobs } from './recovery.ts';

/** The running job queue. */
export interface Queue {
  /** Starts no more jobs, and waits until running ones reach a point where they can stop. */
  stop(): Promise<void>;
}

export interface JobContext {
  /** The connections of jobs. */
  pool: Pool;
  log: Logger;
  /** Aborted when the job should stop early. The rest is done after the next start. */
  stop: AbortSignal;
}

/** Runs one job with its enqueued payload. */
export type Job = (payload: unknown, context: JobContext) => Promise<void>;

/** Identifies the connections of jobs in pg_stat_activity. */
const applicationName = 'open-kana jobs';
/** The number of concurrent jobs: enough for long ones and a short one beside them. */
const concurrency = 3;
const connections = 6;
/** How often a worker without a job looks for one of which it was not told. */
const defaultPollIntervalMs = 2_000;

/** Runs at start and every minute: releases the jobs of killed processes. */
const recoveryJob = 'queue-recovery';

/** Where a job stands among others. */
export interface JobPlace {
  /** Of jobs with the same lane, one runs at a time. */
  lane: string;
  /** Jobs with a smaller number run first. Default 0. */
  priority?: number;
}

/**
 * Adds a job, in the transaction that makes it necessary. At most one job with the same key waits. A running one does
 * not count, because it may have read the data before this change.
 */
export async function enqueue(
  db: Db,
  task: string,
  payload: object,
  key: string,
  { lane, priority = 0 }: Partial<JobPlace> = {},
): Promise<void> {
  await db.$executeRaw`
    SELECT graphile_worker.add_job(${task}, payload => ${JSON.stringify(payload)}::json, job_key => ${key},
      queue_name => ${lane ?? null}, priority => ${priority}::int)`;
}

/** Migrates the queue's own tables, which have their own schema. */
export async function migrateQueue(url: string): Promise<void> {
  const { pool } = openPool({
    connectionString: url,
    application_name: applicationName,
    max: 2,
    settings: sessionSettings({ lockTimeoutMs: 60_000, statementTimeoutMs: 0 }),
  });
  await runMigrations({ pgPool: pool, logger: silent }).finally(() => pool.end());
}

/**
 * Starts running jobs in this process. Other processes on the same database share the queue.
 *
 * @param atStart the jobs to run at once and then every minute. They finish the work of killed processes
 */
export async function startQueue(
  url: string,
  jobs: Record<string, Job>,
  {
    atStart,
    log,
    metrics = createMetrics(),
    pollIntervalMs = defaultPollIntervalMs,
  }: { atStart: readonly string[]; log: Logger; metrics?: Metrics; pollIntervalMs?: number },
): Promise<Queue> {
  const { pool } = openPool({
    connectionString: url,
    application_name: applicationName,
    max: connections,
    settings: sessionSettings({ lockTimeoutMs: 15_000, statementTimeoutMs: 300_000 }),
  });
  pool.on('connect', takeTurns);
  const controller = new AbortController();
  const context = { pool, log, stop: controller.signal };
  const running = new Set<Promise<void>>();
  const self = createIdentity(log);
  const everyMinute = [recoveryJob, ...atStart];
  const allJobs: Record<string, Job> = { ...jobs, [recoveryJob]: () => recoverJobs(pool, self.worker()) };
  for (const [task, job] of Object.entries(allJobs))
    if (everyMinute.includes(task)) allJobs[task] = withoutOverlap(job);
  const taskList: TaskList = Object.fromEntries(
    Object.entries(allJobs).map(([task, job]) => [task, counted(task, job, context, metrics, running)]),
  );
  const start = async () => {
    const runner = await run({
      pgPool: pool,
      taskList,
      concurrency,
      noHandleSignals: true,
      logger: loggerOf(log),
      events: self.events,
      // A job that cannot be marked as done or failed then ends only the queue. By default it ends the process.
      preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0, pollInterval: pollIntervalMs } },
      crontab: everyMinute.map((task) => `* * * * * ${task} ?jobKey=${task}&max=1`).join('\n'),
    });
    // Awaited later. Until then, a failure must not be an unhandled rejection.
    runner.promise.catch(() => undefined);
    for (const task of everyMinute) await runner.addJob(task, {}, { jobKey: task, maxAttempts: 1 });
    return runner;
  };
  const supervising = supervise(await start(), start, { log, stop: controller.signal, self, running });
  return {
    async stop() {
      controller.abort();
      await supervising;
      await pool.end();
    },
  };
}

/** The delay before a failed queue restarts. It doubles with each failure, and is reset after a long run. */
const restartDelay = { minMs: 250, maxMs: 30_000, resetAfterMs: 60_000 };

interface Supervision {
  log: Logger;
  stop: AbortSignal;
  self: Identity;
  /** The jobs that run now. */
  running: ReadonlySet<Promise<void>>;
}

/**
 * Keeps the queue running until `stop`. The queue ends if one of its own statements fails, such as the one that marks a
 * job as done. Then it is restarted, and the recovery job releases its jobs.
 */
async function supervise(
  first: Runner,
  start: () => Promise<Runner>,
  { log, stop, self, running }: Supervision,
): Promise<void> {
  let runner: Runner | null = first;
  let delayMs = restartDelay.minMs;
  while (!stop.aborted) {
    const startedAt = performance.now();
    if (runner !== null) await failureOrStop(runner, self, stop);
    if (stop.aborted) break;
    if (runner !== null) await end(runner, running);
    // Releases its jobs for recovery at the next start.
    await self.end();
    if (performance.now() - startedAt > restartDelay.resetAfterMs) delayMs = restartDelay.minMs;
    log.warn({ delayMs }, 'the job queue has stopped and restarts');
    await sleep(delayMs, undefined, { signal: stop }).catch(() => undefined);
    delayMs = Math.min(delayMs * 2, restartDelay.maxMs);
    runner = await start().catch((err) => {
      log.error({ err }, 'the job queue could not be started');
      return null;
    });
  }
  if (runner !== null) await end(runner, running);
}

/** Resolves when the queue fails, ends or must stop. */
async function failureOrStop(runner: Runner, self: Identity, stop: AbortSignal): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([runner.promise.catch(() => undefined), self.failed(), stopped]);
}

/** How long the queue may take to end after its last job. */
const endTimeoutMs = 2_000;

/**
 * Ends the queue after its running jobs. Graphile Worker's own end cannot be relied on: if two statements that mark jobs
 * as done fail at once, it counts too many as ended and waits for ever.
 */
async function end(runner: Runner, running: ReadonlySet<Promise<void>>): Promise<void> {
  const stopping = Promise.allSettled([runner.stop(), runner.promise]);
  while (running.size > 0) await Promise.allSettled(running);
  const deadline = new AbortController();
  await Promise.race([
    stopping,
    sleep(endTimeoutMs, undefined, { signal: deadline.signal }).catch(() => undefined),
  ]);
  deadline.abort();
}

interface Identity {
  events: WorkerEvents;
  worker(): string;
  /** Resolves when a statement of the present worker fails that ends it. */
  failed(): Promise<void>;
  /** Shows other processes that this worker has ended. */
  end(): Promise<void>;
}

/** How long to wait for the database to release a life lock. If it does not answer, the lock ends with the connection. */
const unlockTimeoutMs = 1_000;

/** Returns the worker id of this process, and holds the lock that shows others that it is alive. */
function createIdentity(log: Logger): Identity {
  const events: WorkerEvents = new EventEmitter();
  let worker = '';
  let fail: () => void = () => undefined;
  let failed = Promise.resolve();
  // All of them: a connection that is replaced goes back to the pool, and would keep the lock of an ended worker.
  const listening = new Set<PoolClient>();
  events.on('pool:create', ({ workerPool }) => {
    worker = workerPool.id;
    failed = new Promise((resolve) => {
      fail = resolve;
    });
  });
  events.on('pool:fatalError', ({ workerPool }) => {
    if (workerPool.id === worker) fail();
  });
  followLanes(events);
  // The connection that listens for new jobs. The queue opens another one if it breaks.
  events.on('pool:listen:success', ({ workerPool, client }) => {
    listening.add(client);
    holdLifeLock(client, workerPool.id).catch((err) =>
      log.warn({ err }, 'other processes cannot see that this one runs jobs'),
    );
  });
  const end = async () => {
    const clients = [...listening];
    listening.clear();
    // Closing the connection alone would leave the lock until PostgreSQL notices.
    const unlocking = Promise.allSettled(
      clients.map((client) => client.query('select pg_advisory_unlock_all()')),
    );
    await Promise.race([unlocking, sleep(unlockTimeoutMs, undefined, { ref: false })]);
    for (const client of clients) client.connection.stream.destroy();
  };
  return { events, worker: () => worker, failed: () => failed, end };
}

/** Counts each run of a job, and keeps it among the running ones. */
function counted(task: string, job: Job, context: JobContext, metrics: Metrics, running: Set<Promise<void>>) {
  return async (payload: unknown) => {
    const startedAt = performance.now();
    let outcome: 'ok' | 'failed' = 'failed';
    const work = job(payload, context);
    running.add(work);
    try {
      await work;
      outcome = 'ok';
    } finally {
      running.delete(work);
      metrics.countJob({ task, outcome, seconds: (performance.now() - startedAt) / 1_000 });
    }
  };
}

const silent = new QueueLogger(() => () => undefined);

interface QueueFailure {
  error?: unknown;
  /** Of a statement that ends the queue. */
  fatalError?: unknown;
  job?: { task_identifier?: string };
}

/** Logs only the warnings and errors of the queue. */
function loggerOf(log: Logger): QueueLogger {
  return new QueueLogger(() => (level, message, meta) => {
    if (level !== 'error' && level !== 'warning') return;
    // Do not log payloads or rows.
    const { error, fatalError, job } = (meta ?? {}) as QueueFailure;
    const err = error ?? fatalError;
    const failure = job === undefined ? 'the job queue failed' : 'a job failed';
    const text = err === undefined ? message : failure;
    log[level === 'error' ? 'error' : 'warn']({ err, task: job?.task_identifier }, text);
  });
}
