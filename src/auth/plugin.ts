import { GraphQLError, Kind, type OperationDefinitionNode, getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../graphql/context.ts';

const message = 'Unauthenticated: send a valid private key in the Authorization header.';

/** The answer to every request without a valid key for this API. */
export function unauthenticated(): GraphQLError {
  return new GraphQLError(message, {
    extensions: {
      code: 'UNAUTHENTICATED',
      exception: { name: 'AuthenticationError', message },
      http: { status: 401 },
    },
  });
}

/** Introspection tells nothing but the schema, which is public: it needs no key. */
function isIntrospection(operation: OperationDefinitionNode): boolean {
  return operation.selectionSet.selections.every(
    (selection) => selection.kind === Kind.FIELD && selection.name.value.startsWith('__'),
  );
}

/** Answers 401 before any resolver runs, unless the request brought a key or only introspects. */
export function useAuthentication(): Plugin<Context> {
  return {
    onExecute({ args, setResultAndStopExecution }) {
      if (args.contextValue.environmentId !== '') return;
      const operation = getOperationAST(args.document, args.operationName);
      if (operation && isIntrospection(operation)) return;
      setResultAndStopExecution({ errors: [unauthenticated()] });
    },
  };
}
