import type { Logger } from 'pino';
import { type Unavailability, unavailabilityOf } from '../database/errors.ts';
import type { RequestContext } from './request-context.ts';

/** A fault of ours; or a database that cannot be reached or is busy: then the same request may succeed in a moment. */
export type FaultCode = 'INTERNAL_SERVER_ERROR' | 'SERVICE_UNAVAILABLE';

/** All that a caller learns about a failure that is not the caller's: what to do, and where it is in the log. */
export interface Fault {
  code: FaultCode;
  message: string;
  requestId: string;
}

/** How such a failure is logged: as what is wrong with us, or as what passes by itself. */
const levels: Record<FaultCode, 'error' | 'warn'> = {
  INTERNAL_SERVER_ERROR: 'error',
  SERVICE_UNAVAILABLE: 'warn',
};

/** Whether a request that ended so has failed for no reason of its caller's. */
export const isFault = (outcome: string | null): outcome is FaultCode =>
  outcome !== null && outcome in levels;

/** At which level a request is logged that ended so. */
export const levelOf = (outcome: string): 'debug' | 'error' | 'warn' =>
  isFault(outcome) ? levels[outcome] : 'debug';

export const faultCodeOf = (error: unknown): FaultCode =>
  unavailabilityOf(error) === null ? 'INTERNAL_SERVER_ERROR' : 'SERVICE_UNAVAILABLE';

/** What is logged, and what the caller is told, about a database that cannot do something at the moment. */
const unavailable: Record<Unavailability, { logged: string; told: string }> = {
  unreachable: {
    logged: 'the database cannot be reached',
    told: 'The database cannot be reached at the moment. Try again in a second.',
  },
  locked: {
    logged: 'somebody else went on holding a lock',
    told: 'Somebody else is changing the same data at the moment. Try again in a second.',
  },
  conflict: {
    logged: 'concurrent changes met again and again',
    told: 'Somebody else is changing the same data at the moment. Try again in a second.',
  },
  slow: {
    logged: 'a statement or transaction took too long',
    told: 'The database has not answered in time. Try again in a second.',
  },
  exhausted: {
    logged: 'the database has no connection or memory left',
    told: 'The database is overloaded at the moment. Try again in a second.',
  },
  full: {
    logged: 'the disk of the database is full',
    told: 'The database takes no writes at the moment. Try again in a second.',
  },
  readOnly: {
    logged: 'the database is read-only',
    told: 'The database takes no writes at the moment. Try again in a second.',
  },
};

/** Logs what happened in a request, and answers what its caller may know of it. */
export function reportFault(log: Logger, error: unknown, requestContext: RequestContext): Fault {
  const { id: requestId } = requestContext;
  const code = faultCodeOf(error);
  // Of several faults in a request, the one that is ours tells how it ended.
  if (requestContext.outcome !== 'INTERNAL_SERVER_ERROR') requestContext.outcome = code;
  const reason = unavailabilityOf(error);
  if (reason !== null) {
    requestContext.noteUnavailability(reason);
    const { logged, told } = unavailable[reason];
    log.warn({ err: error, requestId }, logged);
    return { code, message: told, requestId };
  }
  log.error({ err: error, requestId }, 'unexpected error');
  const message = `Unexpected error. Its id in the log is ${requestId}.`;
  return { code, message, requestId };
}
