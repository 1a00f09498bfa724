import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Meters } from '../telemetry/metrics.ts';
import { readTraceparent, type Span, type Tracing } from '../telemetry/tracing.ts';
import { isFault, levelOf } from './faults.ts';
import type { WriteHealth } from './health.ts';
import { type Bearer, createRequestContext, type RequestContext } from './request-context.ts';
import { codeOf } from './response.ts';

/** Who learns of requests. */
export interface Observing {
  log: Logger;
  meters: Meters;
  /** What readiness goes by; without it nobody asks. */
  writes?: WriteHealth;
}

/** Follows each request from its arrival to the end of its answer. */
type Observe = (request: IncomingMessage, response: ServerResponse, path: string | null) => RequestContext;

/**
 * Gives each request its id, counts it, and writes one line about it when it is answered: at `debug`, but for our own
 * faults. The line holds nothing that the client wrote, except the name of its operation and an acceptable id, which
 * stands beside ours.
 */
export function createObserver({ log, meters, writes }: Observing): Observe {
  return (request, response, path) => {
    const startedAt = performance.now();
    const span = meters.tracing === null ? null : beginSpan(meters.tracing, request, path);
    const requestContext = createRequestContext(request.headers['x-request-id'], span, writes?.note);
    response.setHeader('X-Request-Id', requestContext.id);
    response.once('close', () => {
      const outcome = outcomeOf(requestContext, response);
      const elapsed = performance.now() - startedAt;
      const place = path ?? elsewhere;
      const operation = requestContext.operation?.field ?? '';
      meters.countRequest({ path: groupOf(place), operation, outcome, seconds: elapsed / 1_000 });
      if (span !== null) endSpan(span, requestContext, outcome, response.statusCode);
      const level = levelOf(outcome);
      if (!log.isLevelEnabled(level)) return;
      const { id: requestId, clientId, bearer } = requestContext;
      log[level](
        {
          requestId,
          clientRequestId: clientId ?? undefined,
          method: request.method,
          path: place,
          status: response.statusCode,
          outcome,
          durationMs: Math.round(elapsed * 1_000) / 1_000,
          operation: requestContext.operation ?? undefined,
          bearer: bearer === null ? undefined : shown(bearer),
        },
        'request',
      );
    });
    return requestContext;
  };
}

/** As OpenTelemetry names what is told of a request to a server. */
function beginSpan(tracing: Tracing, { method = '', headers }: IncomingMessage, path: string | null): Span {
  const known = methods.has(method) ? method : '_OTHER';
  const attributes = { 'http.request.method': known, 'http.route': path ?? undefined };
  const parent = readTraceparent(headers.traceparent);
  const name = path === null ? known : `${known} ${path}`;
  return tracing.begin({ name, kind: 'SERVER', parent, attributes });
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);

function endSpan(
  span: Span,
  { id, clientId, bearer }: RequestContext,
  outcome: string,
  status: number,
): void {
  const attributes = {
    'http.response.status_code': status,
    'kana.request_id': id,
    'kana.client_request_id': clientId ?? undefined,
    'kana.outcome': outcome,
    'kana.environment': bearer?.environmentId,
  };
  span.end({ attributes, failure: isFault(outcome) ? outcome : undefined });
}

/** Where nothing is. What was asked for there is the client's to know. */
const elsewhere = '(unknown)';

/** The names of the console's files change from version to version. */
const groupOf = (path: string) => (path.startsWith('/assets/') ? '/assets' : path);

const shown = ({ environmentId, kind, lastFour }: Bearer) => ({ environmentId, kind, lastFour });

/** `ok`, or the code of what went wrong; `ABORTED` if the client left before the answer was out. */
function outcomeOf({ outcome }: RequestContext, { writableFinished, statusCode }: ServerResponse): string {
  if (!writableFinished) return outcome === 'INTERNAL_SERVER_ERROR' ? outcome : 'ABORTED';
  return outcome ?? (statusCode < 400 ? 'ok' : codeOf(statusCode));
}
