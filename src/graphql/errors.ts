import { GraphQLError } from 'graphql';
import type { Logger } from 'pino';
import { DomainError } from '../errors.ts';
import { headersOf, statusOf } from '../http/answer.ts';
import { reportFault } from '../http/faults.ts';

/** A caller's mistake as clients of the original read it: a code, and the typed error beside it. */
export function graphQLErrorOf(error: DomainError, where?: GraphQLError): GraphQLError {
  return new GraphQLError(error.message, {
    ...placeOf(where),
    extensions: {
      code: error.code,
      exception: { name: error.typedName, message: error.message },
    },
  });
}

/** Yoga's masking: mistakes of the caller pass, faults of ours are logged and hidden behind a request id. */
export function createErrorMask(log: Logger) {
  return (error: unknown): Error => {
    const located = error instanceof GraphQLError ? error : undefined;
    const original = originOf(error);
    if (original instanceof DomainError) return graphQLErrorOf(original, located);
    if (located === undefined || !(original instanceof GraphQLError))
      return unexpected(log, original, located);
    if (isOfVariable(located) || isOfArgument(located, original)) return badInput(located);
    return located.extensions.code === undefined ? unexpected(log, original, located) : located;
  };
}

/** The error that was thrown first; GraphQL wraps it to say where. */
function originOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? originOf(error.originalError) : error;
}

/** Variables are read before any field, so their errors have no path. GraphQL gives them no code. */
function isOfVariable({ path, extensions }: GraphQLError): boolean {
  return path === undefined && (extensions.code === undefined || extensions.code === 'BAD_USER_INPUT');
}

/**
 * The error of an argument has no code either, but points at the argument from the beginning. Without that,
 * it is an answer of ours that has the wrong type.
 */
function isOfArgument({ extensions }: GraphQLError, { nodes }: GraphQLError): boolean {
  return extensions.code === undefined && nodes !== undefined;
}

function badInput(error: GraphQLError): GraphQLError {
  return new GraphQLError(error.message, {
    ...placeOf(error),
    extensions: { code: 'BAD_USER_INPUT', http: { spec: true, status: 400 } },
  });
}

function unexpected(log: Logger, error: unknown, located?: GraphQLError): GraphQLError {
  const { code, message, requestId } = reportFault(log, error);
  // As in the original, an operation that fails answers 200; one that could not begin, or can be sent again
  // as it is, does not.
  const tells = located === undefined || code === 'SERVICE_UNAVAILABLE';
  const http = { status: statusOf(code), headers: headersOf(code) };
  return new GraphQLError(message, {
    ...placeOf(located),
    extensions: { code, requestId, ...(tells ? { http } : {}) },
  });
}

function placeOf(error: GraphQLError | undefined) {
  return {
    nodes: error?.nodes,
    source: error?.source,
    positions: error?.positions,
    path: error?.path,
  };
}
