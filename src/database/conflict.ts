import { Prisma } from './generated/client.ts';

/** Whether a write failed because a row with the same unique key exists already. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002';
}
