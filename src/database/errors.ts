import { Prisma } from './generated/client.ts';

/*
 * What the errors of the database mean, in one place: by SQLSTATE, by the codes of Prisma and of its adapter, and by
 * those of the network.
 */

/**
 * Why the database cannot do something at the moment. The same call may succeed later.
 *  - unreachable: there is no connection, or no longer one. Whether a statement has taken effect is not known.
 *  - locked: somebody else holds what is needed, and has gone on holding it.
 *  - conflict: PostgreSQL gave the transaction up so that another could go on.
 *  - slow: a deadline has passed, or the statement was cancelled.
 *  - exhausted: too many connections, or no memory.
 *  - full: no room on the disk.
 *  - readOnly: the database takes no writes, as a standby does.
 */
export type Unavailability =
  | 'unreachable'
  | 'locked'
  | 'conflict'
  | 'slow'
  | 'exhausted'
  | 'full'
  | 'readOnly';

/** Codes that mean something else than their class does, or stand alone. */
const meanings: Record<string, Unavailability> = {
  '53100': 'full',
  '57014': 'slow', // Cancelled, by a deadline among others.
  '55P03': 'locked',
  '25006': 'readOnly',
  '25P03': 'slow', // Idle in a transaction for too long, which ended the session.
  '25P04': 'slow', // The transaction took too long.
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  EPIPE: 'unreachable',
  ETIMEDOUT: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  P1001: 'unreachable',
  P1002: 'unreachable',
  P1008: 'slow',
  P1017: 'unreachable',
  P2024: 'exhausted', // No connection of the pool in time.
  P2028: 'slow', // The transaction could not begin, or not end, in time.
  P2034: 'conflict',
  P2037: 'exhausted',
  DatabaseNotReachable: 'unreachable',
  ConnectionClosed: 'unreachable',
  SocketTimeout: 'unreachable',
  TooManyConnections: 'exhausted',
  TransactionWriteConflict: 'conflict',
};

/** SQLSTATE classes: the first two characters of a code of five. */
const classes: Record<string, Unavailability> = {
  '08': 'unreachable',
  '40': 'conflict',
  '53': 'exhausted',
  '57': 'unreachable',
};

/** What the driver says, without a code, of a connection that broke, or that did not come about in time. */
const brokenConnection =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect|Query read timeout)/;

/** An error is found inside others: Prisma's holds the adapter's, which holds PostgreSQL's. */
const maxDepth = 8;

interface Reported {
  code?: unknown;
  kind?: unknown;
  originalCode?: unknown;
  message?: unknown;
  cause?: unknown;
  meta?: { driverAdapterError?: unknown };
}

/** Why the database could not do it; null if the error is no passing one, and so a fault of ours. */
export function unavailabilityOf(error: unknown, depth = 0): Unavailability | null {
  if (typeof error !== 'object' || error === null || depth > maxDepth) return null;
  const { code, kind, originalCode, message, cause, meta } = error as Reported;
  for (const name of [originalCode, code, kind]) {
    const meaning = typeof name === 'string' ? meaningOf(name) : null;
    // Prisma names a statement that failed, and what is inside tells more.
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

/** Whether the same work in a new transaction can succeed at once: PostgreSQL gave it up for another one. */
export const isWriteConflict = (error: unknown): boolean => unavailabilityOf(error) === 'conflict';

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

/** The caller met somebody else's change of the same row too often, or waited for it too long: nothing has happened. */
export class BusyError extends Error {
  readonly code = '55P03';
}
