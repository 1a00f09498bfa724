import type { WorkerEvents, WorkerPool } from 'graphile-worker';

/**
 * When to look for the next job of a lane after one has ended. Graphile Worker looks at once, before it has
 * unlocked the lane, and then only after its poll interval.
 */
const laneChecksMs = [10, 50, 250, 1_250];

/** Wakes a worker for the next job of a lane when one has ended. */
export function followLanes(events: WorkerEvents): void {
  // Their workers end, and may not be woken any more.
  const ending = new WeakSet<WorkerPool>();
  const end = ({ workerPool }: { workerPool: WorkerPool }) => void ending.add(workerPool);
  events.on('pool:gracefulShutdown', end);
  events.on('pool:forcefulShutdown', end);
  events.on('pool:fatalError', end);
  events.on('job:complete', ({ worker: { workerPool }, job }) => {
    if (job.job_queue_id === null) return;
    for (const delayMs of laneChecksMs)
      setTimeout(() => ending.has(workerPool) || workerPool.nudge(1), delayMs).unref();
  });
}
