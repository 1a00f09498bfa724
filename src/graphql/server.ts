import type { IncomingHttpHeaders } from 'node:http';
import type { ExecutionResult, GraphQLSchema } from 'graphql';
import { createYoga, type GraphQLParams } from 'graphql-yoga';
import type { Logger } from 'pino';
import { isFault, type RequestContext } from '../http/request-context.ts';
import { unauthenticatedError } from '../http/response.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { isOpenToAll } from './authentication.ts';
import { createFaultReport, maskError, unavailabilitiesOf } from './errors.ts';
import { useFieldNames } from './field-names.ts';
import { useWholeAnswers } from './limits/answer-size.ts';
import { noErrorCache, useBoundedParsing } from './limits/document.ts';
import { useLimits } from './limits/operation.ts';
import { useBoundedValidation } from './limits/validation-work.ts';
import { useOperationReading } from './operation.ts';
import {
  createKnownOperations,
  ended,
  type KnownOperations,
  type Plan,
  type PlannedContext,
} from './plans/plans.ts';
import { type ContextParts, useReplica } from './reading.ts';

export interface Api<Caller, Context extends object> {
  schema: GraphQLSchema;
  /** Returns the caller from the headers, and sets the bearer of the request context. Null without valid credentials. */
  identify: (headers: IncomingHttpHeaders, requestContext: RequestContext) => Promise<Caller | null>;
  /** Returns the key of the rate limit that a call counts against. */
  allowanceOf: (caller: Caller) => string;
  /** See Admission. */
  knownUntil?: (caller: Caller) => number | null;
  /** Returns the context of resolvers. */
  contextOf: (caller: Caller, requestContext: RequestContext) => Context & ContextParts;
  /** Which credentials are needed, for the error message. */
  credentials: string;
}

export const unauthenticatedMessage = ({ credentials }: Pick<Api<never, object>, 'credentials'>) =>
  `Unauthenticated: send ${credentials}.`;

/** A received operation. */
export interface Sent<Caller> {
  method: 'GET' | 'POST';
  caller: Caller;
  /** Reads the operation. Throws a GraphQLError if there is none. */
  read: () => GraphQLParams;
  requestContext: RequestContext;
}

/** Tells that a result is short, so that nobody measures it. A symbol is no part of the JSON. */
export const isShort = Symbol('isShort');

export type Answered = ExecutionResult & { [isShort]?: boolean };

export interface GraphqlServer<Caller> {
  /** Answers an operation of an authenticated caller. Never rejects: errors are in the result. */
  answer(sent: Sent<Caller>): Promise<Answered>;
  /** Answers introspection. Refuses everything else before validation. */
  answerStranger(sent: Omit<Sent<Caller>, 'caller'>): Promise<ExecutionResult>;
}

/** Yoga and its plugins use only the method of a request. */
const requests = {
  GET: new Request('http://localhost/graphql'),
  POST: new Request('http://localhost/graphql', { method: 'POST' }),
};

/** The size of the cache for unauthenticated operations, in characters. */
const strangersMaxCached = 16 * 1024;

interface Options {
  tracing?: Tracing | null;
  /** Whether operations that clients repeat are answered by plans; see plans.ts. */
  hasPlans?: boolean;
}

/**
 * Answers the operations of one API. Yoga's pipeline runs with all its plugins, but without its HTTP layer: converting
 * Node's requests to web requests, and answers back, would cost more than the answer. Unauthenticated operations have
 * their own pipeline, so that they do not evict the known operations of callers.
 */
export function createGraphqlServer<Caller, Context extends object>(
  api: Api<Caller, Context>,
  log: Logger,
  { tracing = null, hasPlans = false }: Options = {},
): GraphqlServer<Caller> {
  const report = createFaultReport(log);
  const operations = createKnownOperations(api.schema, { hasPlans });
  const pipelines = {
    callers: createPipeline(api.schema, operations),
    strangers: createPipeline(
      api.schema,
      createKnownOperations(api.schema, { maxCached: strangersMaxCached }),
    ),
  };
  async function run(
    pipeline: ReturnType<typeof createPipeline>,
    method: 'GET' | 'POST',
    params: GraphQLParams,
    context: ContextParts & { requestContext: RequestContext },
  ): Promise<ExecutionResult> {
    const { requestContext } = context;
    const execute = async (given: object) => {
      const result = await pipeline.getResultForParams(
        { params, request: requests[method] },
        { ...given, requestContext },
      );
      if (isSingle(result)) return result;
      throw new Error('an operation did not return a single result');
    };
    const result = await execute(context);
    if (requestContext.dataAgeMs === null) return report(result, requestContext);
    if (!hasReplicaFailed(result)) return report(withDataAge(result, requestContext), requestContext);
    requestContext.dataAgeMs = null;
    return report(await execute(context.withPrimary?.() ?? context), requestContext);
  }
  const fail = (error: unknown, requestContext: RequestContext) =>
    report({ errors: [maskError(error)] }, requestContext);

  async function answerIn(
    context: Context & ContextParts & { requestContext: RequestContext },
    method: 'GET' | 'POST',
    params: GraphQLParams,
  ): Promise<Answered> {
    if (method === 'GET') return run(pipelines.callers, method, params, context);
    const plan = operations.plans.get(params.query ?? '');
    const planned = plan === undefined ? null : await answerByPlan(plan, params, context);
    if (planned !== null) return planned;
    const result = await run(pipelines.callers, method, params, context);
    if (result.errors === undefined) operations.learn(params.query ?? '');
    return result;
  }

  async function answer({ method, caller, read, requestContext }: Sent<Caller>): Promise<Answered> {
    try {
      const params = read();
      const context = Object.assign(api.contextOf(caller, requestContext), { requestContext });
      const result = await answerIn(context, method, params);
      if (requestContext.operation?.type === 'mutation') await context.afterMutation?.();
      return result;
    } catch (error) {
      return fail(error, requestContext);
    }
  }
  return {
    answer: tracing === null ? answer : traced(tracing, answer),
    async answerStranger({ method, read, requestContext }) {
      try {
        const params = read();
        if (!isOpenToAll(params.query ?? '')) throw unauthenticatedError(unauthenticatedMessage(api));
        return await run(pipelines.strangers, method, params, { requestContext });
      } catch (error) {
        return fail(error, requestContext);
      }
    },
  };
}

/** Answers a request by its plan. Null if the general way has to answer. */
async function answerByPlan(
  plan: Plan,
  { variables, operationName }: GraphQLParams,
  context: PlannedContext,
): Promise<Answered | null> {
  if (operationName != null && operationName !== plan.operation.name) return null;
  const args = argumentsOf(plan, variables ?? {});
  if (args === null) return null;
  context.requestContext.operation = plan.operation;
  const call = (async () => plan.call(args, context))();
  try {
    const data = plan.write(await call, context);
    context.requestContext.outcome ??= 'ok';
    return { data, [isShort]: plan.isShort };
  } catch {
    context[ended] = call;
    return null;
  }
}

function argumentsOf(plan: Plan, variables: Record<string, unknown>) {
  try {
    return plan.readArguments(variables);
  } catch {
    return null;
  }
}

/** Whether a read failed because of the replica: because it is gone, or replays what the read stands in the way of. */
const hasReplicaFailed = (result: ExecutionResult): boolean =>
  unavailabilitiesOf(result).some((reason) => reason !== 'slow' && reason !== 'locked');

/** Tells how old may be what a replica showed. */
function withDataAge(result: ExecutionResult, { dataAgeMs, setHeader }: RequestContext): ExecutionResult {
  const dataAgeSeconds = Math.ceil((dataAgeMs ?? 0) / 100) / 10;
  setHeader('X-Data-Age', String(dataAgeSeconds));
  return { ...result, extensions: { ...result.extensions, dataAgeSeconds } };
}

function createPipeline(schema: GraphQLSchema, documentCache: KnownOperations) {
  return createYoga<{ requestContext: RequestContext }>({
    schema,
    maskedErrors: { maskError },
    plugins: [
      useBoundedParsing(),
      useLimits(),
      useBoundedValidation(),
      useFieldNames(),
      useWholeAnswers(),
      useOperationReading(schema),
      useReplica(schema),
    ],
    parserAndValidationCache: { documentCache, errorCache: noErrorCache },
    logging: false,
  });
}

/** Traces each operation as a span. */
function traced<Caller>(
  tracing: Tracing,
  answer: GraphqlServer<Caller>['answer'],
): GraphqlServer<Caller>['answer'] {
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
