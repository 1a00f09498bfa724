const mebibyte = 1024 * 1024;

/** It holds what records and checks read of 10^6 users, 10^7 counters and their indexes: see docs/performance.md. */
const largestCacheMebibytes = 4_096;
/** PostgreSQL's default. */
const smallestCacheMebibytes = 128;

/**
 * The settings with which the embedded server starts. Its cache is a quarter of the memory. Checkpoints are three times
 * as far apart as by default, because the first change of a page after a checkpoint writes the whole page to the log;
 * 2 GB of log are what a start after a crash reads again at most.
 *
 * @param memoryBytes what the processes of this machine, or of this container, may use together
 */
export function settingsFor(memoryBytes: number): Record<string, string> {
  const quarter = Math.floor(memoryBytes / 4 / mebibyte);
  const cache = Math.min(Math.max(quarter, smallestCacheMebibytes), largestCacheMebibytes);
  return { shared_buffers: `${cache}MB`, checkpoint_timeout: '15min', max_wal_size: '2GB' };
}
