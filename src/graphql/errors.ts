import { randomUUID } from 'node:crypto';
import { GraphQLError } from 'graphql';
import type { Logger } from 'pino';
import { DomainError } from '../errors.ts';

/** A caller's mistake as clients of the original read it: a code, and the typed error beside it. */
export function graphQLErrorOf(error: DomainError, where?: GraphQLError): GraphQLError {
  return new GraphQLError(error.message, {
    nodes: where?.nodes,
    source: where?.source,
    positions: where?.positions,
    path: where?.path,
    extensions: {
      code: error.code,
      exception: { name: error.typedName, message: error.message },
    },
  });
}

/** Yoga's masking: mistakes of the caller pass, faults of ours are logged and hidden behind a request id. */
export function createErrorMask(log: Logger) {
  return (error: unknown): Error => {
    const original = error instanceof GraphQLError ? error.originalError : error;
    const located = error instanceof GraphQLError ? error : undefined;
    if (original instanceof DomainError) return graphQLErrorOf(original, located);
    if (located !== undefined && (original == null || original instanceof GraphQLError)) return located;
    return unexpected(log, original ?? error, located);
  };
}

function unexpected(log: Logger, error: unknown, located?: GraphQLError): GraphQLError {
  const requestId = randomUUID();
  log.error({ err: error, requestId }, 'unexpected error');
  return new GraphQLError(`Unexpected error. Its id in the log is ${requestId}.`, {
    nodes: located?.nodes,
    source: located?.source,
    positions: located?.positions,
    path: located?.path,
    extensions: { code: 'INTERNAL_SERVER_ERROR', requestId },
  });
}
