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
import { createMeters, type Meters } from '../telemetry/metrics.ts';
import { recoverJobs, showLife } from './recovery.ts';

/** What the worker does; runs until it has stopped. */
export interface Queue {
  /** Lets running jobs come to a good place to stop, and starts no more. */
  stop(): Promise<void>;
}

/** What a job gets to work with. */
export interface JobContext {
  /** The jobs' own connections. */
  pool: Pool;
  log: Logger;
  /** Says when the job should stop at the next good place; what is left is done after the next start. */
  stop: AbortSignal;
}

/** Does one job. The payload is what was enqueued. */
export type Job = (payload: unknown, context: JobContext) => Promise<void>;

/** How the connections of jobs are told from those of requests. */
const applicationName = 'open-kana jobs';
/** How many jobs run at once: a long one of each kind, and a short one beside them. */
const concurrency = 3;
const connections = 6;

/** Run at start and every minute: takes up the jobs of processes that were killed. */
const recoveryJob = 'queue-recovery';

/**
 * Adds a job, in the transaction of what makes it necessary. With the same key there is never more than one
 * waiting; one that is running already does not count, for it may have looked at the data before.
 */
export async function enqueue(db: Db, task: string, payload: object, key: string): Promise<void> {
  await db.$executeRaw`
    SELECT graphile_worker.add_job(${task}, payload => ${JSON.stringify(payload)}::json, job_key => ${key})`;
}

/** Brings the queue's own tables, in a schema of their own, to the version of this code. */
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
 * Starts working on jobs, in this process; other processes on the same database share them.
 *
 * @param atStart the jobs to run at once, and again every minute: what was left by a process that was killed
 */
export async function startQueue(
  url: string,
  jobs: Record<string, Job>,
  { atStart, log, meters = createMeters() }: { atStart: readonly string[]; log: Logger; meters?: Meters },
): Promise<Queue> {
  const { pool } = openPool({
    connectionString: url,
    application_name: applicationName,
    max: connections,
    settings: sessionSettings({ lockTimeoutMs: 15_000, statementTimeoutMs: 300_000 }),
  });
  const controller = new AbortController();
  const context = { pool, log, stop: controller.signal };
  const self = createIdentity(log);
  const allJobs: Record<string, Job> = { ...jobs, [recoveryJob]: () => recoverJobs(pool, self.worker()) };
  const everyMinute = [recoveryJob, ...atStart];
  const taskList: TaskList = Object.fromEntries(
    Object.entries(allJobs).map(([task, job]) => [task, counted(task, job, context, meters)]),
  );
  const start = async () => {
    const runner = await run({
      pgPool: pool,
      taskList,
      concurrency,
      noHandleSignals: true,
      logger: loggerOf(log),
      events: self.events,
      // Batched, a job that cannot be marked as done or failed ends the queue; alone it would end the process.
      preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
      crontab: everyMinute.map((task) => `* * * * * ${task} ?jobKey=${task}&max=1`).join('\n'),
    });
    // Whoever waits for it may come later; until then a failure is nobody's unhandled rejection.
    runner.promise.catch(() => undefined);
    for (const task of everyMinute) await runner.addJob(task, {}, { jobKey: task, maxAttempts: 1 });
    return runner;
  };
  const supervising = supervise(await start(), start, { log, stop: controller.signal, ended: self.end });
  return {
    async stop() {
      controller.abort();
      await supervising;
      await pool.end();
    },
  };
}

/** How long the queue stays stopped after it has ended by itself: longer each time that it soon ends again. */
const restartPause = { firstMs: 250, lastMs: 30_000, forgottenAfterMs: 60_000 };

/**
 * Keeps the queue running until `stop`. One statement of its own that fails, such as the one that marks a job as
 * done, ends it: it is then started again. What it was doing is taken up by the recovery job.
 */
async function supervise(
  first: Runner,
  start: () => Promise<Runner>,
  { log, stop, ended }: { log: Logger; stop: AbortSignal; ended: () => void },
): Promise<void> {
  let runner: Runner | null = first;
  let pauseMs = restartPause.firstMs;
  while (!stop.aborted) {
    const startedAt = performance.now();
    if (runner !== null) await endOf(runner, stop);
    if (stop.aborted) break;
    await runner?.stop().catch(() => undefined);
    // What it has left is nobody's now, and recovery takes it up at the next start.
    ended();
    if (performance.now() - startedAt > restartPause.forgottenAfterMs) pauseMs = restartPause.firstMs;
    log.warn({ pauseMs }, 'the queue of jobs has stopped, and is started again');
    await sleep(pauseMs, undefined, { signal: stop }).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, restartPause.lastMs);
    runner = await start().catch((err) => {
      log.error({ err }, 'the queue of jobs could not be started');
      return null;
    });
  }
  await runner?.stop().catch(() => undefined);
}

/** Resolves when the runner has ended by itself, or is to be stopped. */
async function endOf(runner: Runner, stop: AbortSignal): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([runner.promise.catch(() => undefined), stopped]);
}

interface Identity {
  events: WorkerEvents;
  worker(): string;
  /** Has others see that the worker is gone. */
  end(): void;
}

/** By what name the queue knows this process, and what lets others see that it is there. */
function createIdentity(log: Logger): Identity {
  const events: WorkerEvents = new EventEmitter();
  let worker = '';
  let listening: PoolClient | null = null;
  events.on('pool:create', ({ workerPool }) => {
    worker = workerPool.id;
  });
  // The connection by which it hears of new jobs; the queue opens another one whenever it breaks.
  events.on('pool:listen:success', ({ workerPool, client }) => {
    takeTurns(client);
    listening = client;
    showLife(client, workerPool.id).catch((err) =>
      log.warn({ err }, 'other processes cannot see that this one works on jobs'),
    );
  });
  return { events, worker: () => worker, end: () => listening?.connection.stream.destroy() };
}

/** Counts each run of a job. */
function counted(task: string, job: Job, context: JobContext, meters: Meters) {
  return async (payload: unknown) => {
    const startedAt = performance.now();
    let outcome: 'ok' | 'failed' = 'failed';
    try {
      await job(payload, context);
      outcome = 'ok';
    } finally {
      meters.countJob({ task, outcome, seconds: (performance.now() - startedAt) / 1_000 });
    }
  };
}

const silent = new QueueLogger(() => () => undefined);

/** The queue's own messages: what is wrong is worth a line, the rest is not. */
function loggerOf(log: Logger): QueueLogger {
  return new QueueLogger(() => (level, message, meta) => {
    if (level !== 'error' && level !== 'warning') return;
    // Of what it adds, a job's payload and rows are not the log's.
    const { error: err, job } = (meta ?? {}) as { error?: unknown; job?: { task_identifier?: string } };
    const failed = job === undefined ? 'the queue of jobs met an error' : 'a job failed';
    const what = err === undefined ? message : failed;
    log[level === 'error' ? 'error' : 'warn']({ err, task: job?.task_identifier }, what);
  });
}
