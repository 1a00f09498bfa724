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

/** The name of the index as the driver adapter reports it. */
function violatedIndex({ meta }: Prisma.PrismaClientKnownRequestError): unknown {
  const report = meta as
    | { driverAdapterError?: { cause?: { constraint?: { index?: unknown } } } }
    | undefined;
  return report?.driverAdapterError?.cause?.constraint?.index;
}
