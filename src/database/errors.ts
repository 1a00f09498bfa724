import { Prisma } from './generated/client.ts';

/*
 * The meanings of database errors: by SQLSTATE, by the codes of Prisma and its adapter, and by network codes.
 */

/**
 * Why the database cannot do something now. The same call may succeed later.
 *  - unreachable: there is no connection, or it broke. It is unknown whether the statement took effect.
 *  - locked: another transaction held a lock for too long.
 *  - conflict: PostgreSQL aborted the transaction, because it conflicted with another one.
 *  - slow: a timeout expired, or the statement was cancelled.
 *  - exhausted: too many connections or open files, or out of memory.
 *  - full: the disk is full.
 *  - readOnly: the database does not accept writes, like a standby.
 */
export type Unavailability =
  | 'unreachable'
  | 'locked'
  | 'conflict'
  | 'slow'
  | 'exhausted'
  | 'full'
  | 'readOnly';

/** Codes whose meaning differs from their class, or that have no class. */
const meanings: Record<string, Unavailability> = {
  '53100': 'full',
  '57014': 'slow', // Cancelled, for instance by a timeout.
  '55P03': 'locked',
  '25006': 'readOnly',
  '25P03': 'slow', // Idle in a transaction for too long. PostgreSQL ended the session.
  '25P04': 'slow', // The transaction took too long.
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  EPIPE: 'unreachable',
  ETIMEDOUT: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  // The process, or the machine, has no file descriptor or buffer left for another connection.
  EMFILE: 'exhausted',
  ENFILE: 'exhausted',
  ENOBUFS: 'exhausted',
  EADDRNOTAVAIL: 'exhausted',
  P1001: 'unreachable',
  P1002: 'unreachable',
  P1008: 'slow',
  P1017: 'unreachable',
  P2024: 'exhausted', // The pool had no free connection in time.
  P2028: 'slow', // The transaction could not start or end in time.
  P2034: 'conflict',
  P2037: 'exhausted',
  DatabaseNotReachable: 'unreachable',
  ConnectionClosed: 'unreachable',
  SocketTimeout: 'unreachable',
  TooManyConnections: 'exhausted',
  TransactionWriteConflict: 'conflict',
};

/** SQLSTATE classes: the first two of five characters. */
const classes: Record<string, Unavailability> = {
  '08': 'unreachable',
  '40': 'conflict',
  '53': 'exhausted',
  '57': 'unreachable',
};

/** The driver's messages, which have no code, about a connection that broke or was not opened in time. */
const brokenConnection =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect|timeout expired|Query read timeout)/;

/** Errors are nested: Prisma's contains the adapter's, which contains PostgreSQL's. */
const maxDepth = 8;

interface Reported {
  code?: unknown;
  kind?: unknown;
  originalCode?: unknown;
  message?: unknown;
  cause?: unknown;
  meta?: { driverAdapterError?: unknown };
}

/** Returns why the database could not do it. Null if the error is not temporary: then it is a bug. */
export function unavailabilityOf(error: unknown, depth = 0): Unavailability | null {
  if (typeof error !== 'object' || error === null || depth > maxDepth) return null;
  const { code, kind, originalCode, message, cause, meta } = error as Reported;
  for (const name of [originalCode, code, kind]) {
    const meaning = typeof name === 'string' ? meaningOf(name) : null;
    // Prisma's P20xx codes only say that a statement failed. The nested error is more precise.
    if (meaning !== null && !code?.toString().startsWith('P20')) return meaning;
  }
  const inside = unavailabilityOf(cause, depth + 1) ?? unavailabilityOf(meta?.driverAdapterError, depth + 1);
  if (inside !== null) return inside;
  if (typeof message === 'string' && brokenConnection.test(message)) return 'unreachable';
  return typeof code === 'string' ? meaningOf(code) : null;
}

function meaningOf(name: string): Unavailability | null {
  if (Object.hasOwn(meanings, name)) return meanings[name] ?? null;
  return /^[0-9][0-9A-Z]{4}$/.test(name) ? (classes[name.slice(0, 2)] ?? null) : null;
}

/** Whether PostgreSQL aborted the transaction because of another one. A retry can succeed at once. */
export const isWriteConflict = (error: unknown): boolean => unavailabilityOf(error) === 'conflict';

/**
 * Whether a write failed because a row with the same unique key already exists.
 *
 * @param index the name of the violated index. Without it, any index
 */
export function isUniqueViolation(error: unknown, index?: string): boolean {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError) || error.code !== 'P2002') return false;
  return index === undefined || violatedIndex(error) === index;
}

/** Whether a row could not be deleted because other rows refer to it. */
export const isForeignKeyViolation = (error: unknown): boolean =>
  error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2003';

/** Returns the name of the index, as the driver adapter reports it. */
function violatedIndex({ meta }: Prisma.PrismaClientKnownRequestError): unknown {
  const report = meta as
    | { driverAdapterError?: { cause?: { constraint?: { index?: unknown } } } }
    | undefined;
  return report?.driverAdapterError?.cause?.constraint?.index;
}

/** Concurrent changes of the same row conflicted too often or took too long. Nothing was written. */
export class BusyError extends Error {
  readonly code = '55P03';
}

/** The database has more to do than it can, so this was not even begun. */
export class OverloadedError extends Error {
  readonly code = '53400';
}
