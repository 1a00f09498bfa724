import {
  type DocumentNode,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Operation, RequestContext } from '../http/request-context.ts';

/** Sets the operation of each request context, once the operation is validated. */
export function useOperationReading(schema: GraphQLSchema): Plugin<{ requestContext: RequestContext }> {
  const read = createOperationReader(schema);
  return {
    onExecute({ args: { document, operationName, contextValue } }) {
      contextValue.requestContext.operation = read(document, operationName);
    },
  };
}

/** Reads operations of this schema. Results are cached for each document, because clients repeat documents. */
function createOperationReader(schema: GraphQLSchema) {
  const known = new WeakMap<OperationDefinitionNode, Operation>();
  return (document: DocumentNode, operationName: string | null | undefined): Operation | null => {
    const definition = getOperationAST(document, operationName);
    if (!definition) return null;
    const found = known.get(definition);
    if (found !== undefined) return found;
    const operation = readOperation(schema, definition);
    known.set(definition, operation);
    return operation;
  };
}

/** The operation as the log and metrics name it. */
export function readOperation(schema: GraphQLSchema, definition: OperationDefinitionNode): Operation {
  const { operation: type, name, selectionSet } = definition;
  const fields = schema.getRootType(type)?.getFields() ?? {};
  const requested = new Set(
    selectionSet.selections.map((selection) => {
      if (selection.kind !== Kind.FIELD) return 'several';
      const field = selection.name.value;
      return field.startsWith('__') ? 'introspection' : Object.hasOwn(fields, field) ? field : 'several';
    }),
  );
  const [field = 'several', ...others] = requested;
  return { type, field: others.length === 0 ? field : 'several', name: name?.value ?? null };
}
