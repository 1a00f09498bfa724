import type { IncomingHttpHeaders } from 'node:http';
import type { ExecutionResult, GraphQLSchema } from 'graphql';
import { createYoga } from 'graphql-yoga';
import type { Logger } from 'pino';
import { isFault } from '../http/faults.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { type Authentication, useAuthentication } from './authentication.ts';
import { createFaultReport, maskError } from './errors.ts';
import { useFieldNames } from './field-names.ts';
import { useWholeAnswers } from './limits/answer-size.ts';
import { createDocumentCache, noErrorCache, useModestOperations } from './limits/document.ts';
import { useLimits } from './limits/operation.ts';
import { useOperationReading } from './operation.ts';
import { readRequest } from './request.ts';
import type { AnswerOperation } from './route.ts';

export interface Api<Context extends object> {
  schema: GraphQLSchema;
  /** What every resolver gets, from the headers of the request; tells the request context whose they are. */
  contextOf: (
    headers: IncomingHttpHeaders,
    requestContext: RequestContext,
  ) => Promise<Authentication<Context>>;
  /** What a request without valid credentials is told to send. */
  credentials: string;
}

/** All that Yoga and its plugins look at of a request is how the operation was sent. */
const requests = {
  GET: new Request('http://localhost/graphql'),
  POST: new Request('http://localhost/graphql', { method: 'POST' }),
};

/**
 * Answers the operations of one API; all APIs read, refuse and mask alike. Yoga's pipeline runs with all of its
 * plugins, but without its HTTP layer: to turn each of Node's requests into one of the web's, and the
 * answer back, would cost more than to answer it.
 */
export function createGraphqlServer<Context extends object>(
  api: Api<Context>,
  log: Logger,
  tracing: Tracing | null = null,
): AnswerOperation {
  const report = createFaultReport(log);
  const yoga = createYoga<
    { headers: IncomingHttpHeaders; requestContext: RequestContext },
    Authentication<Context>
  >({
    schema: api.schema,
    context: ({ headers, requestContext }) => api.contextOf(headers, requestContext),
    maskedErrors: { maskError },
    plugins: [
      useModestOperations(),
      useLimits(),
      useFieldNames(),
      useWholeAnswers(),
      useOperationReading(api.schema),
      useAuthentication(api.credentials),
    ],
    parserAndValidationCache: { documentCache: createDocumentCache(), errorCache: noErrorCache },
    logging: false,
  });
  const answer: AnswerOperation = async ({ method, headers, body, requestContext }) => {
    try {
      const params = readRequest({ headers, body });
      const sent = { params, request: requests[method] };
      const result = await yoga.getResultForParams(sent, { headers, requestContext });
      if (isSingle(result)) return report(result, requestContext);
      throw new Error('an operation was left without a single result');
    } catch (error) {
      return report({ errors: [maskError(error)] }, requestContext);
    }
  };
  return tracing === null ? answer : traced(tracing, answer);
}

/** Tells each operation as a span. */
function traced(tracing: Tracing, answer: AnswerOperation): AnswerOperation {
  return async (sent) => {
    const span = tracing.begin({ name: 'graphql', kind: 'INTERNAL' });
    const result = await span.run(() => answer(sent));
    const { operation, outcome } = sent.requestContext;
    const attributes = {
      'graphql.operation.type': operation?.type,
      'graphql.field': operation?.field,
      'kana.outcome': outcome ?? undefined,
    };
    const name = operation === null ? 'graphql' : `${operation.type} ${operation.field}`;
    span.end({ name, attributes, failure: isFault(outcome) ? outcome : undefined });
    return result;
  };
}

function isSingle(result: object | undefined): result is ExecutionResult {
  return result !== undefined && !(Symbol.asyncIterator in result);
}
