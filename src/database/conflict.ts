import { Prisma } from './generated/client.ts';

/**
 * Whether a write failed because a row with the same unique key exists already.
 *
 * @param index the name of the index that must have refused it; without it any
 */
export function isUniqueViolation(error: unknown, index?: string): boolean {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError) || error.code !== 'P2002') return false;
  return index === undefined || violatedIndex(error) === index;
}

/** Whether PostgreSQL gave a transaction up so that another could go on: it can be tried again. */
export function isWriteConflict(error: unknown): boolean {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return false;
  return error.code === 'P2034' || causeOf(error)?.kind === 'TransactionWriteConflict';
}

/** The name of the index as the driver adapter reports it. */
const violatedIndex = (error: Prisma.PrismaClientKnownRequestError) => causeOf(error)?.constraint?.index;

/** What the driver adapter reports of the database's error. */
function causeOf({ meta }: Prisma.PrismaClientKnownRequestError) {
  const report = meta as { driverAdapterError?: { cause?: DriverCause } } | undefined;
  return report?.driverAdapterError?.cause;
}

interface DriverCause {
  kind?: unknown;
  constraint?: { index?: unknown };
}
