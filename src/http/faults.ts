import type { Logger } from 'pino';
import { isBusy, isOutage } from '../database/outage.ts';
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
  isOutage(error) || isBusy(error) ? 'SERVICE_UNAVAILABLE' : 'INTERNAL_SERVER_ERROR';

/** Logs what happened in a request, and answers what its caller may know of it. */
export function reportFault(log: Logger, error: unknown, requestContext: RequestContext): Fault {
  const { id: requestId } = requestContext;
  const code = faultCodeOf(error);
  // Of several faults in a request, the one that is ours tells how it ended.
  if (requestContext.outcome !== 'INTERNAL_SERVER_ERROR') requestContext.outcome = code;
  if (isBusy(error)) {
    log.warn({ err: error, requestId }, 'somebody else went on changing the user');
    const message = 'Somebody else is changing the user at the moment. Try again in a second.';
    return { code, message, requestId };
  }
  if (code === 'SERVICE_UNAVAILABLE') {
    log.warn({ err: error, requestId }, 'the database cannot be reached');
    const message = 'The database cannot be reached at the moment. Try again in a second.';
    return { code, message, requestId };
  }
  log.error({ err: error, requestId }, 'unexpected error');
  const message = `Unexpected error. Its id in the log is ${requestId}.`;
  return { code, message, requestId };
}
