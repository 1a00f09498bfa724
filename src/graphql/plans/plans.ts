import type { DocumentNode, GraphQLSchema } from 'graphql';
import type { Operation, RequestContext } from '../../http/request-context.ts';
import { readOperation } from '../operation.ts';
import { type CompiledOperation, compileOperation, isPlanned } from './compile.ts';

/*
 * Plans are the fast way to answer operations that clients repeat.
 *
 * The rule: once the general way (Yoga's pipeline) has answered an operation without errors, its text is compiled into a
 * plan. For the next request with this text, the plan reads the variables, calls the same resolver, and writes the fields
 * that the operation selects. It does so only if nothing is special. Variables that are not exactly of their types go the
 * general way. If the resolver fails, or returns what a plan does not write, the general way answers from how this call
 * ended, and does not call again. So every answer is the one of the general way, byte for byte; a fuzz test compares both.
 *
 * Only fields with the extension `planned` have plans. Everything below them must be plain data, which loads nothing.
 */

export interface Plan extends CompiledOperation {
  operation: Operation;
}

/** The default size of the cache, in characters of operations. Parsed, each character takes some 250 bytes. */
const defaultMaxCached = 256 * 1024;

/** Operations that were sent before, by their text: as documents, and some as plans. */
export interface KnownOperations {
  get(text: string): DocumentNode | undefined;
  set(text: string, document: DocumentNode): void;
  readonly plans: ReadonlyMap<string, Plan>;
  /** Makes a plan for an operation that was answered without errors. */
  learn(text: string): void;
}

/**
 * Clients repeat a few operations. When the cache is full, it is cleared, so that its memory is bounded.
 *
 * @param hasPlans whether plans are made
 */
export function createKnownOperations(
  schema: GraphQLSchema,
  { hasPlans = false, maxCached = defaultMaxCached } = {},
): KnownOperations {
  const known = new Map<string, { document: DocumentNode; isLearned: boolean }>();
  const plans = new Map<string, Plan>();
  let cached = 0;
  return {
    plans,
    get: (text) => known.get(text)?.document,
    set(text, document) {
      if (text.length > maxCached) return;
      if (cached + text.length > maxCached) {
        known.clear();
        plans.clear();
        cached = 0;
      }
      known.set(text, { document, isLearned: false });
      cached += text.length;
    },
    learn(text) {
      const found = known.get(text);
      if (!hasPlans || found === undefined || found.isLearned) return;
      found.isLearned = true;
      const plan = makePlan(schema, found.document);
      if (plan !== null) plans.set(text, plan);
    },
  };
}

function makePlan(schema: GraphQLSchema, document: DocumentNode): Plan | null {
  const compiled = compileOperation(schema, document);
  return compiled && { ...compiled, operation: readOperation(schema, compiled.definition) };
}

/** How the call of a plan ended, in the context of the request that the general way answers. */
export const ended = Symbol('ended');

export interface PlannedContext {
  requestContext: RequestContext;
  [ended]?: Promise<unknown>;
}

/** Lets planned fields return how a call ended, instead of calling again. Returns the schema. */
export function withPlannedFields(schema: GraphQLSchema): GraphQLSchema {
  for (const type of [schema.getQueryType(), schema.getMutationType()])
    for (const field of Object.values(type?.getFields() ?? {})) {
      const { resolve } = field;
      if (isPlanned(field) && resolve !== undefined)
        field.resolve = (source, args, context: PlannedContext, info) =>
          context[ended] ?? resolve(source, args, context, info);
    }
  return schema;
}
