import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { enqueue, type Job, type Queue, startQueue } from '../../src/jobs/queue.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

/*
 * Jobs whose process is killed are taken up by the others; those of a process that lives are left to it. A queue that
 * fails starts again.
 */

let testDatabase: TestDatabase;
let database: Database;
const queues: Queue[] = [];

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
});
afterEach(async () => {
  for (const queue of queues.splice(0)) await queue.stop();
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

/** @param messages takes what the queue logs */
async function start(task: string, job: Job, messages: string[] = []): Promise<void> {
  const write = (line: string) => void messages.push(JSON.parse(line).msg);
  const options = { atStart: [], log: pino({ level: 'warn' }, { write }) };
  queues.push(await startQueue(testDatabase.url, { [task]: job }, options));
}

interface JobRow {
  id: string;
  key: string | null;
  locked_by: string | null;
  attempts: number;
}

async function jobsOf(task: string): Promise<JobRow[]> {
  const { rows } = await database.work.query<JobRow>(
    'select id, key, locked_by, attempts from graphile_worker.jobs where task_identifier = $1 order by id',
    [task],
  );
  return rows;
}

async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await sleep(10);
}

/** As it is after the process was killed that did the job. */
const leaveWith = (worker: string, task: string) =>
  database.work.query(
    `update graphile_worker._private_jobs set locked_at = now(), locked_by = $1, attempts = 1
     where id in (select id from graphile_worker.jobs where task_identifier = $2)`,
    [worker, task],
  );

/** Runs the recovery that happens every minute, and waits for its end. */
async function recover(): Promise<void> {
  await enqueue(database.prisma, 'queue-recovery', {}, 'queue-recovery');
  await until(async () => (await jobsOf('queue-recovery')).length === 0);
}

test('the jobs of a lane follow each other without waiting for the next look', async () => {
  const done: unknown[] = [];
  queues.push(
    await startQueue(
      testDatabase.url,
      { laned: async (payload) => void done.push(payload) },
      // Were each job waited for by looking, twenty would take longer than the test may.
      { atStart: [], log: pino({ level: 'silent' }), pollIntervalMs: 30_000 },
    ),
  );
  await database.prisma.$transaction(async (tx) => {
    for (let n = 1; n <= 20; n += 1) await enqueue(tx, 'laned', { n }, `laned ${n}`, { lane: 'one' });
  });
  await until(async () => (await jobsOf('laned')).length === 0);
  expect(done).toHaveLength(20);
});

test('a job of every minute that lasts longer is not joined by its next runs, and leaves places to others', async () => {
  let begun = 0;
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const long = async () => {
    begun += 1;
    await ended;
  };
  let shortRuns = 0;
  const short = async () => {
    shortRuns += 1;
  };
  const options = { atStart: ['long'], log: pino({ level: 'silent' }) };
  queues.push(await startQueue(testDatabase.url, { long, short }, options));
  try {
    await until(async () => begun === 1);
    // As each minute adds it.
    for (let minute = 1; minute <= 5; minute += 1) {
      await enqueue(database.prisma, 'long', {}, 'long');
      await until(async () => (await jobsOf('long')).every(({ locked_by }) => locked_by !== null));
    }
    await enqueue(database.prisma, 'short', {}, 'short');
    await until(async () => shortRuns === 1);
    expect(begun).toBe(1);
  } finally {
    end();
  }
  await until(async () => (await jobsOf('long')).length === 0);
  await enqueue(database.prisma, 'long', {}, 'long');
  await until(async () => begun === 2);
});

test('a job that a killed process has left is done at the next start', async () => {
  await enqueue(database.prisma, 'left', { n: 1 }, 'left 1');
  await leaveWith('pool-killed', 'left');
  const done: unknown[] = [];
  await start('left', async (payload) => void done.push(payload));
  await until(async () => (await jobsOf('left')).length === 0);
  expect(done).toEqual([{ n: 1 }]);
});

test('a job that a killed process has left is done by one that runs already', async () => {
  const done: unknown[] = [];
  await start('later', async (payload) => void done.push(payload));
  await recover();
  await database.work.query(
    `select graphile_worker.add_job('later', '{"n": 1}'::json, job_key => 'later 1', run_at => now() + interval '1 hour')`,
  );
  await leaveWith('pool-killed', 'later');
  await database.work.query(`update graphile_worker._private_jobs set run_at = now()`);
  expect(done).toEqual([]);
  await recover();
  await until(async () => (await jobsOf('later')).length === 0);
  expect(done).toEqual([{ n: 1 }]);
});

test('a job that somebody works on is left alone, by others and by the same process', async () => {
  let begun = 0;
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const job = () => {
    begun += 1;
    return ended;
  };
  await start('long', job);
  await enqueue(database.prisma, 'long', {}, 'long 1');
  await until(async () => begun === 1);
  const [before] = await jobsOf('long');
  await start('long', job);
  for (let round = 1; round <= 6; round += 1) await recover();
  expect(await jobsOf('long')).toEqual([before]);
  end();
  await until(async () => (await jobsOf('long')).length === 0);
  expect(begun).toBe(1);
});

test('a job that was added again while it was done is left to the newer one', async () => {
  await enqueue(database.prisma, 'twice', { n: 1 }, 'twice');
  await leaveWith('pool-killed', 'twice');
  await enqueue(database.prisma, 'twice', { n: 2 }, 'twice');
  expect(await jobsOf('twice')).toHaveLength(2);
  const done: unknown[] = [];
  await start('twice', async (payload) => void done.push(payload));
  await until(async () => (await jobsOf('twice')).length === 0);
  expect(done).toEqual([{ n: 2 }]);
});

/** Refuses to mark jobs as done, with this SQLSTATE, once nobody holds the advisory lock. */
async function refuseToComplete(code: string): Promise<void> {
  await database.work.query(
    `create or replace function refuse() returns trigger language plpgsql as $$
       begin
         perform pg_advisory_xact_lock_shared(${refusalLock});
         raise exception 'made to fail' using errcode = '${code}';
       end $$`,
  );
  await database.work.query(
    'create trigger refuse before delete on graphile_worker._private_jobs execute function refuse()',
  );
}
const refusalLock = 4711;
const allowCompletion = () => database.work.query('drop trigger refuse on graphile_worker._private_jobs');

const waitingToRefuseSql = `select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted
  and objid = ${refusalLock} and database = (select oid from pg_database where datname = current_database())`;

/** Waits until a restarted queue has released the jobs of the one that failed, and has done them. */
async function untilDone(task: string): Promise<void> {
  await until(async () => (await jobsOf(task)).length === 0);
}

test.each(['53100', '55P03', '42P05'])(
  'a statement of the queue that fails with %s stops nothing: the queue starts again, and the job is done',
  async (code) => {
    const task = `fails with ${code}`;
    const failures: string[] = [];
    await start(task, async () => undefined, failures);
    await refuseToComplete(code);
    await enqueue(database.prisma, task, {}, task);
    await until(async () => failures.includes('the job queue failed'));
    await allowCompletion();
    await untilDone(task);
  },
);

test('two statements of the queue that fail at once stop nothing', async () => {
  const failures: string[] = [];
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const job: Job = async (payload) => {
    if (!(payload as { waits: boolean }).waits) return;
    await ended;
    throw new Error('this one is tried again');
  };
  await start('two', job, failures);
  await until(async () => (await jobsOf('queue-recovery')).length === 0);
  const holder = await database.work.connect();
  await holder.query(`select pg_advisory_lock(${refusalLock})`);
  await refuseToComplete('53100');
  // A third job is still running, so that the queue, which waits for it, ends after both failures.
  await enqueue(database.prisma, 'two', { waits: true }, 'waits');
  for (const [index, key] of ['one', 'another'].entries()) {
    await enqueue(database.prisma, 'two', { waits: false }, key);
    await until(async () => (await database.work.query(waitingToRefuseSql)).rows[0].n === index + 1);
  }
  await holder.query(`select pg_advisory_unlock(${refusalLock})`);
  holder.release();
  await until(async () => failures.filter((text) => text === 'the job queue failed').length === 2);
  await allowCompletion();
  end();
  await until(async () => (await jobsOf('two')).every(({ key }) => key === 'waits'));
});
