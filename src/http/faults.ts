import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { isOutage } from '../database/outage.ts';

/** All that a caller learns about a failure that is not the caller's: what to do, and where it is in the log. */
export interface Fault {
  /** A fault of ours, or a database that cannot be reached: then the same request may succeed in a moment. */
  code: 'INTERNAL_SERVER_ERROR' | 'SERVICE_UNAVAILABLE';
  message: string;
  requestId: string;
}

export function reportFault(log: Logger, error: unknown): Fault {
  const requestId = randomUUID();
  if (isOutage(error)) {
    log.warn({ err: error, requestId }, 'the database cannot be reached');
    const message = 'The database cannot be reached at the moment. Try again in a second.';
    return { code: 'SERVICE_UNAVAILABLE', message, requestId };
  }
  log.error({ err: error, requestId }, 'unexpected error');
  const message = `Unexpected error. Its id in the log is ${requestId}.`;
  return { code: 'INTERNAL_SERVER_ERROR', message, requestId };
}
