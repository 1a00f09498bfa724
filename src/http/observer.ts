import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Metrics } from '../telemetry/metrics.ts';
import { readTraceparent, type Span, type Tracing } from '../telemetry/tracing.ts';
import { isFault, levelOf } from './faults.ts';
import type { WriteHealth } from './health.ts';
import { type Bearer, createRequestContext, type RequestContext } from './request-context.ts';
import { codeOf } from './response.ts';

/** The receivers of the log lines and metrics of requests. */
export interface Observing {
  log: Logger;
  metrics: Metrics;
  /** Used by the readiness check. */
  writes?: WriteHealth;
}

/** Observes a request from its arrival to the end of its answer. */
type Observe = (request: IncomingMessage, response: ServerResponse, path: string | null) => RequestContext;

/**
 * Gives each request an id, counts it, and logs one line when it is answered: at `debug`, unless it failed on the
 * server's side. The line contains nothing from the client except the operation's name and an acceptable request id.
 */
export function createObserver({ log, metrics, writes }: Observing): Observe {
  return (request, response, path) => {
    const startedAt = performance.now();
    const span = metrics.tracing === null ? null : beginSpan(metrics.tracing, request, path);
    const leaving = createLeaving(response);
    const requestContext = createRequestContext(request.headers['x-request-id'], span, writes?.note, leaving);
    response.setHeader('X-Request-Id', requestContext.id);
    response.once('close', () => {
      const outcome = outcomeOf(requestContext, response);
      const elapsed = performance.now() - startedAt;
      const loggedPath = path ?? unmatchedPath;
      const operation = requestContext.operation?.field ?? '';
      metrics.countRequest({ path: groupOf(loggedPath), operation, outcome, seconds: elapsed / 1_000 });
      if (span !== null) endSpan(span, requestContext, outcome, response.statusCode);
      const level = levelOf(outcome);
      if (!log.isLevelEnabled(level)) return;
      const { id: requestId, clientId, bearer } = requestContext;
      log[level](
        {
          requestId,
          clientRequestId: clientId ?? undefined,
          method: request.method,
          path: loggedPath,
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

/** Most requests never ask for the signal, so it is made when they do. */
function createLeaving(response: ServerResponse): () => AbortSignal {
  let controller: AbortController | null = null;
  return () => {
    if (controller !== null) return controller.signal;
    const made = new AbortController();
    controller = made;
    const leave = () => {
      if (!response.writableFinished) made.abort();
    };
    if (response.destroyed) leave();
    else response.once('close', leave);
    return made.signal;
  };
}

/** Starts the span of a request, with the attributes of OpenTelemetry. */
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

/** Unmatched route; the raw path is not logged. */
const unmatchedPath = '(unknown)';

/** The console's assets are counted together: their names change with each version. */
const groupOf = (path: string) => (path.startsWith('/assets/') ? '/assets' : path);

const shown = ({ environmentId, kind, lastFour }: Bearer) => ({ environmentId, kind, lastFour });

/** Returns `ok` or an error code. `ABORTED` if the client disconnected before the end of the answer. */
function outcomeOf({ outcome }: RequestContext, { writableFinished, statusCode }: ServerResponse): string {
  if (!writableFinished) return outcome === 'INTERNAL_SERVER_ERROR' ? outcome : 'ABORTED';
  return outcome ?? (statusCode < 400 ? 'ok' : codeOf(statusCode));
}
