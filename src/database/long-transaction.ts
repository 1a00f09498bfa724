import type { Db } from './client.ts';
import type { PrismaClient } from './generated/client.ts';

/** Long enough for a user with a long history, or for a whole catalogue. */
const defaultTimeoutMs = 60_000;

/** Runs `work` in a transaction with longer timeouts than other requests have. */
export function longTransaction<Result>(
  prisma: PrismaClient,
  work: (tx: Db) => Promise<Result>,
  timeoutMs = defaultTimeoutMs,
): Promise<Result> {
  return prisma.$transaction(
    async (tx) => {
      await tx.$executeRaw`SELECT set_config('statement_timeout', ${`${timeoutMs}ms`}, true)`;
      return work(tx);
    },
    { maxWait: 10_000, timeout: timeoutMs },
  );
}
