import { randomUUID } from 'node:crypto';
import type { Unavailability } from '../database/errors.ts';
import { redact } from '../telemetry/redaction.ts';
import type { Span } from '../telemetry/tracing.ts';

/** The credentials of a request. */
export interface Bearer {
  environmentId: string;
  kind: 'PRIVATE' | 'PUBLIC' | 'WRITE' | 'USER_TOKEN';
  /** Of the key, or of the key that started the console session. Null for a user token. */
  lastFour: string | null;
}

/** The operation of a GraphQL request. */
export interface Operation {
  type: 'query' | 'mutation' | 'subscription';
  /** The field of the schema, `introspection` or `several`. Never a client's text. */
  field: string;
  /** The name that the client chose, or null. */
  name: string | null;
}

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
  /** Returns a signal that is aborted when the caller leaves before the answer. */
  readonly untilLeft: () => AbortSignal;
}

/** Ids from outside that may be logged unchanged. */
const acceptable = /^[\w.:+=/-]{1,64}$/;

/**
 * @param givenId the id from a proxy or the client
 */
export function createRequestContext(
  givenId: string | string[] | undefined,
  span: Span | null = null,
  noteUnavailability: RequestContext['noteUnavailability'] = () => undefined,
  untilLeft: RequestContext['untilLeft'] = () => new AbortController().signal,
): RequestContext {
  const clientId = typeof givenId === 'string' && isAcceptable(givenId) ? givenId : null;
  const unknown = { params: {}, bearer: null, operation: null, outcome: null };
  return { id: randomUUID(), clientId, ...unknown, noteUnavailability, span, untilLeft };
}

/** An id that looks like a key must not be logged either. */
const isAcceptable = (id: string) => acceptable.test(id) && redact(id) === id;
