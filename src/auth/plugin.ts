import {
  BREAK,
  type DocumentNode,
  GraphQLError,
  getOperationAST,
  Kind,
  type SelectionSetNode,
  visit,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../graphql/context.ts';

const message = 'Unauthenticated: send a valid private key in the Authorization header.';

/** The answer to every request without a valid key for this API. */
export function unauthenticated(): GraphQLError {
  return new GraphQLError(message, {
    extensions: {
      code: 'UNAUTHENTICATED',
      exception: { name: 'AuthenticationError', message },
      http: { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } },
    },
  });
}

/** Answers 401 before any resolver runs, unless the request brought a key or only introspects. */
export function useAuthentication(): Plugin<Context> {
  return {
    onExecute({ args, setResultAndStopExecution }) {
      if (args.contextValue.environmentId !== '') return;
      const operation = getOperationAST(args.document, args.operationName);
      if (operation && introspects(operation.selectionSet, args.document) && !hasAlias(args.document)) return;
      setResultAndStopExecution({ errors: [unauthenticated()] });
    },
  };
}

/** Introspection tells nothing but the schema, which is public: it needs no key. Every other field does. */
function introspects({ selections }: SelectionSetNode, document: DocumentNode): boolean {
  return selections.every((selection) => {
    if (selection.kind === Kind.FIELD) return selection.name.value.startsWith('__');
    if (selection.kind === Kind.INLINE_FRAGMENT) return introspects(selection.selectionSet, document);
    const fragment = document.definitions.find(
      (definition) =>
        definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value,
    );
    return (
      fragment !== undefined && 'selectionSet' in fragment && introspects(fragment.selectionSet, document)
    );
  });
}

/** Aliases would let anybody ask for the whole schema thousands of times in one request. */
function hasAlias(document: DocumentNode): boolean {
  let found = false;
  visit(document, {
    Field({ alias }) {
      found ||= alias !== undefined;
      return found ? BREAK : undefined;
    },
  });
  return found;
}
