import type { Job, JobContext } from '../../jobs/queue.ts';

/*
 * The ledger is partitioned by ranges of 2^24 ids. With each month the ids move on to the next range, so that a partition is
 * also a period of time, and its indexes are as small as its month. Functions of the database do it, with the rights of
 * their owner: see the migration that makes them.
 */

/** Runs at start and every minute. */
export const partitionJob = 'usage-partitions';
export const partitionJobs: Record<string, Job> = {
  [partitionJob]: (_payload, context) => followPartitions(context),
};

/** How many ranges are there ahead of the ids that are drawn: each is more than is recorded in many minutes. */
export const rangesAhead = 4;

/**
 * Makes the partitions ahead, moves the ids on once a month has ended, and has the ledger as a whole analysed: autovacuum
 * does that for partitions only. Recording waits for none of it.
 */
export async function followPartitions({ pool }: Pick<JobContext, 'pool'>): Promise<void> {
  // First: the ids move on only to a partition that statements already see.
  await pool.query('select turn_ledger()');
  await pool.query(
    `select add_usage_partitions((select last_value from usage_event_id_seq) + ${rangesAhead} * (1 << 24)::bigint)`,
  );
  // Once a day. It reads a sample of each partition.
  await pool.query('select analyze_ledger()');
}
