import type { Db } from './client.ts';
import type { PrismaClient } from './generated/client.ts';

/** Long enough for a user with a long history, or a whole catalogue. */
const usualTimeoutMs = 60_000;

/** Runs `work` in a transaction whose statements may take longer than those of other requests. */
export function longTransaction<Result>(
  prisma: PrismaClient,
  work: (tx: Db) => Promise<Result>,
  timeoutMs = usualTimeoutMs,
): Promise<Result> {
  return prisma.$transaction(
    async (tx) => {
      await tx.$executeRaw`SELECT set_config('statement_timeout', ${`${timeoutMs}ms`}, true)`;
      return work(tx);
    },
    { maxWait: 10_000, timeout: timeoutMs },
  );
}
