import { randomUUID } from 'node:crypto';
import type { Unavailability } from '../database/errors.ts';
import { redact } from '../telemetry/redaction.ts';
import type { Span } from '../telemetry/tracing.ts';

/** Whose credentials a request brought. */
export interface Bearer {
  environmentId: string;
  kind: 'PRIVATE' | 'PUBLIC' | 'USER_TOKEN';
  /** Of the key, or of the one that a session of the console began with; a user token has none. */
  lastFour: string | null;
}

/** What a GraphQL request asks for. */
export interface Operation {
  type: 'query' | 'mutation' | 'subscription';
  /** The field of the schema, `introspection`, or `several`: never a word of the client's. */
  field: string;
  /** What the client calls it; null if it has no name. */
  name: string | null;
}

/** One request and its answer, as an operator sees them. Who learns something of them adds it. */
export interface RequestContext {
  /** Names the request in its answer and in the log; made here, so that no two have the same. */
  readonly id: string;
  /** What a proxy or the client calls the request; null without one that can stand in a log. */
  readonly clientId: string | null;
  bearer: Bearer | null;
  operation: Operation | null;
  /** `ok`, or the code of the error that it ended with; null where the HTTP status tells. */
  outcome: string | null;
  /** Takes note of why the database could not do something for it. */
  readonly noteUnavailability: (reason: Unavailability) => void;
  /** Its span in a trace; null if nothing is traced. */
  span: Span | null;
}

/** Ids of others that can stand in a log as they are. */
const acceptable = /^[\w.:+=/-]{1,64}$/;

/**
 * @param givenId the id that a proxy or the client gave the request
 */
export function createRequestContext(
  givenId: string | string[] | undefined,
  span: Span | null = null,
  noteUnavailability: RequestContext['noteUnavailability'] = () => undefined,
): RequestContext {
  const clientId = typeof givenId === 'string' && isAcceptable(givenId) ? givenId : null;
  const nothingYet = { bearer: null, operation: null, outcome: null };
  return { id: randomUUID(), clientId, ...nothingYet, noteUnavailability, span };
}

/** An id that looks like a key must not get into the log either. */
const isAcceptable = (id: string) => acceptable.test(id) && redact(id) === id;
