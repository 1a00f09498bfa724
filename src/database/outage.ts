/** What PostgreSQL, the network and Prisma call it when there is no connection, or no longer one. */
const codes = new Set([
  ...['57P01', '57P02', '57P03'], // The server shuts down, has crashed, or starts up.
  ...['08000', '08001', '08003', '08004', '08006', '53300'], // The connection failed, or there are too many.
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENOTFOUND',
    'EAI_AGAIN',
  ],
  ...['P1001', 'P1002', 'P1017'],
]);
const kinds = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout']);

/** Another transaction holds what this one needs, and went on holding it. */
const lockNotAvailable = '55P03';

/**
 * Whether a statement gave up waiting for somebody else's lock: nothing has happened, and the same call may succeed
 * later.
 */
export const isBusy = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === lockNotAvailable;

/** The caller met somebody else's change of the same row too often: nothing has happened, see isBusy. */
export class BusyError extends Error {
  readonly code = lockNotAvailable;
}

/** What the driver says, without a code, of a connection that broke before or during a statement. */
const brokenConnection =
  /^(Connection terminated|Client has encountered a connection error|Client was closed)/;

/**
 * Whether a statement failed because the database cannot be reached at the moment, which is nobody's mistake:
 * the same call may succeed later. Whether the statement has taken effect is not known.
 */
export function isOutage(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, kind, message, cause, meta } = error as {
    code?: unknown;
    kind?: unknown;
    message?: unknown;
    cause?: unknown;
    meta?: { driverAdapterError?: unknown };
  };
  if (codes.has(String(code)) || kinds.has(String(kind))) return true;
  if (typeof message === 'string' && brokenConnection.test(message)) return true;
  return isOutage(cause) || isOutage(meta?.driverAdapterError);
}
