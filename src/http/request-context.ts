import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Author } from '../audit/rules.ts';
import type { Unavailability } from '../database/errors.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { redact } from '../telemetry/redaction.ts';
import { readTraceparent, type Span, type Tracing } from '../telemetry/tracing.ts';
import { originOf } from './address.ts';
import type { WriteHealth } from './health.ts';
import { codeOf } from './response.ts';

/** The credentials of a request. */
export interface Bearer {
  environmentId: string;
  kind: 'PRIVATE' | 'PUBLIC' | 'WRITE' | 'USER_TOKEN' | 'MEMBER';
  /** Of the key, or of the key that started the console session. Null for a user token and a member. */
  lastFour: string | null;
}

/** A caller whose calls the audit log may name. */
interface Authoring {
  author: Omit<Author, 'requestId' | 'clientRequestId'>;
}

/** Returns the caller of this request as an author in the audit log. */
export const authorOf = (
  { author: { environmentId, kind, keyId, lastFour, memberId } }: Authoring,
  { id: requestId, clientId: clientRequestId }: Pick<RequestContext, 'id' | 'clientId'>,
): Author => ({ environmentId, kind, keyId, lastFour, memberId, requestId, clientRequestId });

/** The operation of a GraphQL request. */
export interface Operation {
  type: 'query' | 'mutation' | 'subscription';
  /** The field of the schema, `introspection` or `several`. Never a client's text. */
  field: string;
  /** The name that the client chose, or null. */
  name: string | null;
}

/** An internal error, or a database that is unreachable or busy. In the second case a retry may succeed soon. */
export type FaultCode = 'INTERNAL_SERVER_ERROR' | 'SERVICE_UNAVAILABLE';

/** A request, as operators see it. Each layer adds what it learns. */
export interface RequestContext {
  /** Identifies the request in its answer and in the log. Generated here, so that it is unique. */
  readonly id: string;
  /** The id from a proxy or the client. Null if there is none that may be logged. */
  readonly clientId: string | null;
  /** The parameters in the path, by name. */
  params: Readonly<Record<string, string>>;
  bearer: Bearer | null;
  operation: Operation | null;
  /** `ok` or an error code. Null: derived from the HTTP status. */
  outcome: string | null;
  /** Records why the database could not serve this request. */
  readonly noteUnavailability: (reason: Unavailability) => void;
  /** Its span. Null if nothing is traced. */
  span: Span | null;
  /** Returns the address that the client called, such as `https://kana.example.com`. */
  readonly origin: () => string;
  /** Returns a signal that is aborted when the caller leaves before the answer. */
  readonly untilLeft: () => AbortSignal;
  /** How old may be what a replica showed, in milliseconds. Null: the primary was read. */
  dataAgeMs: number | null;
  /** Sets a header of the answer. */
  readonly setHeader: (name: string, value: string) => void;
}

/** Ids from outside that may be logged unchanged. */
const acceptable = /^[\w.:+=/-]{1,64}$/;

const noParams: RequestContext['params'] = {};

/**
 * @param givenId the id from a proxy or the client
 */
export function createRequestContext(
  givenId: string | string[] | undefined,
  span: Span | null = null,
  noteUnavailability: RequestContext['noteUnavailability'] = () => undefined,
  untilLeft: RequestContext['untilLeft'] = () => new AbortController().signal,
  setHeader: RequestContext['setHeader'] = () => undefined,
  origin: RequestContext['origin'] = () => '',
): RequestContext {
  const clientId = typeof givenId === 'string' && isAcceptable(givenId) ? givenId : null;
  return {
    id: randomUUID(),
    clientId,
    params: noParams,
    bearer: null,
    operation: null,
    outcome: null,
    dataAgeMs: null,
    noteUnavailability,
    span,
    untilLeft,
    setHeader,
    origin,
  };
}

/** An id that looks like a key must not be logged either. */
const isAcceptable = (id: string) => acceptable.test(id) && redact(id) === id;

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
    const setHeader = (name: string, value: string) => {
      if (!response.headersSent) response.setHeader(name, value);
    };
    const requestContext = createRequestContext(
      request.headers['x-request-id'],
      span,
      writes?.note,
      leaving,
      setHeader,
      () => originOf(request),
    );
    response.setHeader('X-Request-Id', requestContext.id);
    response.once('close', () => {
      const outcome = outcomeOf(requestContext, response);
      const elapsed = performance.now() - startedAt;
      const loggedPath = path ?? unmatchedPath;
      const operation = requestContext.operation?.field ?? '';
      const labels = { path: groupOf(loggedPath), operation };
      metrics.requests.inc({ ...labels, outcome });
      metrics.requestDurations.observe(labels, elapsed / 1_000);
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

/** The log level: an internal error, or one that is temporary. */
const levels: Record<FaultCode, 'error' | 'warn'> = {
  INTERNAL_SERVER_ERROR: 'error',
  SERVICE_UNAVAILABLE: 'warn',
};

/** Whether a request with this outcome failed on the server's side. */
export const isFault = (outcome: string | null): outcome is FaultCode =>
  outcome !== null && outcome in levels;

/** Returns the log level of a request with this outcome. */
const levelOf = (outcome: string): 'debug' | 'error' | 'warn' =>
  isFault(outcome) ? levels[outcome] : 'debug';
