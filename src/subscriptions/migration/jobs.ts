import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import { openPrisma } from '../../database/client.ts';
import type { PrismaClient, SubscriberMigration } from '../../database/generated/client.ts';
import type { Job, JobContext } from '../../jobs/queue.ts';
import { exclusively } from '../../jobs/session-lock.ts';
import { throttle } from '../../jobs/throttle.ts';
import { enqueueMigrations, migrationJob, move } from './migrate.ts';
import { advance, findConcerned, findNext, findRunning, finish } from './store.ts';

/** Runs at start and every minute: goes on with the migrations of killed processes. */
export const migrationsJob = 'subscriptions-migrations';

/** How many subscriptions are moved between two pauses. Few: requests wait for one that runs in the same process. */
const chunkSize = 4;
/** How many times as long as other jobs it rests beside requests: a move is mostly work of the requests' own process. */
const restFactor = 2;
/** How long a job goes on. Then another kind of work has its turn in the queue. */
const sliceMs = 2_000;

const EnvironmentPayload = z.object({ environmentId: z.string() });

/** A client on the connections of jobs: on those of requests, a migration would see itself as a request; see throttle. */
const clients = new WeakMap<Pool, PrismaClient>();

function clientOn(pool: Pool): PrismaClient {
  const client = clients.get(pool) ?? openPrisma(pool);
  clients.set(pool, client);
  return client;
}

/** The background jobs of migrations. */
export const migrationJobs = (database: PrismaClient): Record<string, Job> => ({
  [migrationsJob]: async () => {
    for (const environmentId of await findRunning(database)) await enqueueMigrations(database, environmentId);
  },
  [migrationJob]: async (payload, context) => {
    const prisma = clientOn(context.pool);
    const { environmentId } = EnvironmentPayload.parse(payload);
    let isUnfinished = false;
    await exclusively(context.pool, `${migrationJob} ${environmentId}`, async (session) => {
      isUnfinished = await runSlice(prisma, environmentId, session, context);
    });
    if (isUnfinished && !context.stop.aborted) await enqueueMigrations(prisma, environmentId);
  },
});

/** Moves users chunk by chunk. Returns whether something is left to do. */
async function runSlice(
  prisma: PrismaClient,
  environmentId: string,
  session: PoolClient,
  context: JobContext,
): Promise<boolean> {
  const endsAt = performance.now() + sliceMs;
  for (let migration = await findNext(prisma, environmentId); migration !== null; ) {
    if (context.stop.aborted || performance.now() > endsAt) return true;
    const startedAt = performance.now();
    await runChunk(prisma, migration, context);
    migration = await findNext(prisma, environmentId);
    if (migration !== null)
      await throttle(session, (performance.now() - startedAt) * restFactor, context.stop);
  }
  return false;
}

async function runChunk(
  prisma: PrismaClient,
  migration: SubscriberMigration,
  { stop, log }: Pick<JobContext, 'stop' | 'log'>,
): Promise<void> {
  const { afterId: after, untilId: until, onlyIds } = migration;
  const chunk = await findConcerned(
    prisma,
    migration,
    { after, until, count: chunkSize },
    onlyIds.length === 0 ? null : onlyIds,
  );
  for (const subscription of chunk) {
    if (stop.aborted || (await move(prisma, migration, subscription, log)) === 'ENDED') return;
  }
  const last = chunk.at(-1);
  if (last !== undefined) await advance(prisma, migration, last.id);
  if (chunk.length < chunkSize) await finish(prisma, migration, 'DONE');
}
