import type { Logger } from 'pino';
import { type Unavailability, unavailabilityOf } from '../database/errors.ts';
import type { FaultCode, RequestContext } from './request-context.ts';

/** What a caller sees of a failure on the server's side: what to do, and its id in the log. */
export interface Fault {
  code: FaultCode;
  message: string;
  requestId: string;
}

export const faultCodeOf = (error: unknown): FaultCode =>
  unavailabilityOf(error) === null ? 'INTERNAL_SERVER_ERROR' : 'SERVICE_UNAVAILABLE';

/** The log line, and the message for the caller, if the database cannot do something now. */
const unavailable: Record<Unavailability, { log: string; message: string }> = {
  unreachable: {
    log: 'the database cannot be reached',
    message: 'The database cannot be reached at the moment. Try again in a second.',
  },
  locked: {
    log: 'another transaction held a lock for too long',
    message: 'Another request is changing the same data. Try again in a second.',
  },
  conflict: {
    log: 'concurrent changes conflicted too often',
    message: 'Another request is changing the same data. Try again in a second.',
  },
  slow: {
    log: 'a statement or transaction took too long',
    message: 'The database has not answered in time. Try again in a second.',
  },
  exhausted: {
    log: 'the database has no connection or memory left',
    message: 'The database is overloaded at the moment. Try again in a second.',
  },
  full: {
    log: 'the disk of the database is full',
    message: 'The database takes no writes at the moment. Try again in a second.',
  },
  readOnly: {
    log: 'the database is read-only',
    message: 'The database takes no writes at the moment. Try again in a second.',
  },
};

/** Logs a failure, and returns what the caller may see of it. */
export function reportFault(log: Logger, error: unknown, requestContext: RequestContext): Fault {
  const { id: requestId } = requestContext;
  const code = faultCodeOf(error);
  // If a request has several failures, an internal error decides its outcome.
  if (requestContext.outcome !== 'INTERNAL_SERVER_ERROR') requestContext.outcome = code;
  const reason = unavailabilityOf(error);
  if (reason !== null) {
    requestContext.noteUnavailability(reason);
    log.warn({ err: error, requestId }, unavailable[reason].log);
    return { code, message: unavailable[reason].message, requestId };
  }
  log.error({ err: error, requestId }, 'unexpected error');
  const message = `Unexpected error. Its id in the log is ${requestId}.`;
  return { code, message, requestId };
}
