import { type ExecutionResult, GraphQLError, type GraphQLErrorOptions } from 'graphql';
import type { Logger } from 'pino';
import { type Unavailability, unavailabilityOf } from '../database/errors.ts';
import { DomainError } from '../errors.ts';
import { faultCodeOf, reportFault } from '../http/faults.ts';
import type { RequestContext } from '../http/request-context.ts';
import { headersOf, statusOf } from '../http/response.ts';

/** Converts a caller's mistake into the error that Kana's clients expect: a code and a typed error. */
export function graphQLErrorOf(error: DomainError, where?: Location): GraphQLError {
  return new GraphQLError(error.message, {
    ...locationOf(where),
    extensions: {
      code: error.code,
      exception: { name: error.typedName, message: error.message },
    },
  });
}

const badInput = { code: 'BAD_USER_INPUT', http: { spec: true, status: 400 } };

/**
 * Masks errors for Yoga. A caller's mistake passes. An internal error is hidden, and kept until createFaultReport
 * logs it.
 */
export function maskError(error: unknown): GraphQLError {
  const located = error instanceof GraphQLError ? error : undefined;
  const original = originOf(error);
  if (original instanceof DomainError) return graphQLErrorOf(original, located);
  if (located === undefined || !(original instanceof GraphQLError)) return unexpected(original, located);
  const { extensions } = located;
  if (isOfVariable(located) || isOfArgument(located, original)) return invalid(located, badInput);
  return extensions.code === undefined ? unexpected(original, located) : located;
}

/**
 * Sets the outcome of the request context, and logs internal errors. Callers see only the id of their request.
 */
export function createFaultReport(log: Logger) {
  return (result: ExecutionResult, requestContext: RequestContext): ExecutionResult => {
    const errors = result.errors?.map((error) => {
      const { extensions } = error;
      if (isUnnamed(error)) return invalid(error, extensions);
      if (!(error.originalError instanceof Masked)) return error;
      const { message, requestId } = reportFault(log, error.originalError.cause, requestContext);
      return new GraphQLError(message, {
        ...locationOf(error),
        extensions: { ...extensions, requestId },
      });
    });
    const [first] = errors ?? [];
    requestContext.outcome ??= String(first?.extensions.code ?? 'ok');
    return errors === undefined ? result : { ...result, errors };
  };
}

/** Holds the internal error until it is logged. */
class Masked extends Error {}

/** Returns why the database could not do something, of each such error in a result that is not reported yet. */
export const unavailabilitiesOf = ({ errors = [] }: ExecutionResult): Unavailability[] =>
  errors.flatMap(({ originalError }) =>
    originalError instanceof Masked ? (unavailabilityOf(originalError.cause) ?? []) : [],
  );

/** Returns the original error. GraphQL wraps it to add a location. */
function originOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? originOf(error.originalError) : error;
}

/** Variables are coerced before any field is resolved, so their errors have no path. GraphQL gives them no code. */
function isOfVariable({ path, extensions }: GraphQLError): boolean {
  return path === undefined && (extensions.code === undefined || extensions.code === 'BAD_USER_INPUT');
}

/**
 * An error about an argument has no code either, but its nodes point to the argument. Without nodes, a resolver
 * returned the wrong type.
 */
function isOfArgument({ extensions }: GraphQLError, { nodes }: GraphQLError): boolean {
  return extensions.code === undefined && nodes !== undefined;
}

/** Some of GraphQL's errors get their code only after masking, or from a scalar. */
const isUnnamed = ({ extensions: { code, exception } }: GraphQLError): boolean =>
  exception === undefined && (code === 'GRAPHQL_VALIDATION_FAILED' || code === 'BAD_USER_INPUT');

/** Adds our typed name to GraphQL's own error about an operation or its variables. */
function invalid(error: GraphQLError, extensions: object): GraphQLError {
  const exception = { name: 'ValidationError', message: error.message };
  return new GraphQLError(error.message, { ...locationOf(error), extensions: { ...extensions, exception } });
}

function unexpected(error: unknown, located?: GraphQLError): GraphQLError {
  const code = faultCodeOf(error);
  // As in Kana, an operation that fails returns HTTP 200. If it could not start, or can be retried, it returns an
  // HTTP error.
  const isHttpError = located === undefined || code === 'SERVICE_UNAVAILABLE';
  const http = { status: statusOf(code), headers: headersOf(code) };
  return new GraphQLError('Unexpected error.', {
    ...locationOf(located),
    originalError: new Masked('an unexpected error', { cause: error }),
    extensions: { code, ...(isHttpError ? { http } : {}) },
  });
}

/** Where an error arose, in the operation and in the answer. */
type Location = Pick<GraphQLErrorOptions, 'nodes' | 'source' | 'positions' | 'path'>;

function locationOf(error: Location | undefined): Location {
  return {
    nodes: error?.nodes,
    source: error?.source,
    positions: error?.positions,
    path: error?.path,
  };
}
