import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { type Bearer, beginExchange, type Exchange } from './exchange.ts';

/** Follows each request from its arrival to the end of its answer. */
export type Observe = (request: IncomingMessage, response: ServerResponse, path: string | null) => Exchange;

/** What is wrong with us, and what passes by itself. */
const levels: Record<string, 'error' | 'warn'> = {
  INTERNAL_SERVER_ERROR: 'error',
  SERVICE_UNAVAILABLE: 'warn',
};

/** Codes of answers that were not GraphQL's. */
const codes: Record<number, string> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'RATE_LIMITED',
  503: 'OVERLOADED',
};

/**
 * Gives each request its id, and writes one line about it when it is answered: at `debug`, but for our own
 * faults. The line holds nothing that the client wrote, except the name of its operation and an acceptable id.
 */
export function createObserver(log: Logger): Observe {
  return (request, response, path) => {
    const startedAt = performance.now();
    const exchange = beginExchange(request.headers['x-request-id']);
    response.setHeader('X-Request-Id', exchange.id);
    response.once('close', () => {
      const outcome = outcomeOf(exchange, response);
      const level = levels[outcome] ?? 'debug';
      if (!log.isLevelEnabled(level)) return;
      const { id: requestId, operation, bearer } = exchange;
      log[level](
        {
          requestId,
          method: request.method,
          path: path ?? '(unknown)',
          status: response.statusCode,
          outcome,
          durationMs: Math.round((performance.now() - startedAt) * 1_000) / 1_000,
          ...(operation === null ? {} : { operation }),
          ...(bearer === null ? {} : { bearer: shown(bearer) }),
        },
        'request',
      );
    });
    return exchange;
  };
}

const shown = ({ environmentId, kind, lastFour }: Bearer) => ({ environmentId, kind, lastFour });

/** `ok`, or the code of what went wrong; `ABORTED` if the client left before the answer was out. */
function outcomeOf({ outcome }: Exchange, { writableFinished, statusCode }: ServerResponse): string {
  if (!writableFinished) return outcome === 'INTERNAL_SERVER_ERROR' ? outcome : 'ABORTED';
  return outcome ?? codes[statusCode] ?? (statusCode < 400 ? 'ok' : 'INTERNAL_SERVER_ERROR');
}
