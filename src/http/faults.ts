import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';

/** All that a caller learns about a fault of ours: where to find it in the log. */
export interface Fault {
  message: string;
  requestId: string;
}

export function reportFault(log: Logger, error: unknown): Fault {
  const requestId = randomUUID();
  log.error({ err: error, requestId }, 'unexpected error');
  return { message: `Unexpected error. Its id in the log is ${requestId}.`, requestId };
}
