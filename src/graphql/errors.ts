import { type ExecutionResult, GraphQLError } from 'graphql';
import type { Logger } from 'pino';
import { DomainError } from '../errors.ts';
import { faultCodeOf, reportFault } from '../http/faults.ts';
import type { RequestContext } from '../http/request-context.ts';
import { headersOf, statusOf } from '../http/response.ts';

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

const badInput = { code: 'BAD_USER_INPUT', http: { spec: true, status: 400 } };

/**
 * Yoga's masking: mistakes of the caller pass; faults of ours keep what happened, out of sight, until the
 * request's report.
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
 * Tells the request context how its operation ended, and the log of faults of ours, which callers see as nothing but
 * the id of their request.
 */
export function createFaultReport(log: Logger) {
  return (result: ExecutionResult, requestContext: RequestContext): ExecutionResult => {
    const errors = result.errors?.map((error) => {
      const { extensions } = error;
      if (isUnnamed(error)) return invalid(error, extensions);
      if (!(error.originalError instanceof Masked)) return error;
      const { message, requestId } = reportFault(log, error.originalError.cause, requestContext);
      return new GraphQLError(message, {
        ...placeOf(error),
        extensions: { ...extensions, requestId },
      });
    });
    const [first] = errors ?? [];
    requestContext.outcome ??= String(first?.extensions.code ?? 'ok');
    return errors === undefined ? result : { ...result, errors };
  };
}

/** Holds what was thrown, until it is reported. */
class Masked extends Error {}

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

/** Some of GraphQL's refusals get their code only after the masking, or from a scalar. */
const isUnnamed = ({ extensions: { code, exception } }: GraphQLError): boolean =>
  exception === undefined && (code === 'GRAPHQL_VALIDATION_FAILED' || code === 'BAD_USER_INPUT');

/** GraphQL's own refusal of an operation or its variables, with the typed name that ours have. */
function invalid(error: GraphQLError, extensions: object): GraphQLError {
  const exception = { name: 'ValidationError', message: error.message };
  return new GraphQLError(error.message, { ...placeOf(error), extensions: { ...extensions, exception } });
}

function unexpected(error: unknown, located?: GraphQLError): GraphQLError {
  const code = faultCodeOf(error);
  // As in the original, an operation that fails answers 200; one that could not begin, or can be sent again
  // as it is, does not.
  const tells = located === undefined || code === 'SERVICE_UNAVAILABLE';
  const http = { status: statusOf(code), headers: headersOf(code) };
  return new GraphQLError('Unexpected error.', {
    ...placeOf(located),
    originalError: new Masked('an unexpected error', { cause: error }),
    extensions: { code, ...(tells ? { http } : {}) },
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
