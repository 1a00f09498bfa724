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

/** Whether a request brought valid credentials shows in its context. */
export interface Authenticated {
  /** The environment that they are for; empty without any. */
  environmentId: string;
}

/** The answer to every request without valid credentials for this API. */
function unauthenticated(credentials: string): GraphQLError {
  const message = `Unauthenticated: send ${credentials}.`;
  return new GraphQLError(message, {
    extensions: {
      code: 'UNAUTHENTICATED',
      exception: { name: 'AuthenticationError', message },
      http: { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } },
    },
  });
}

/**
 * Answers 401 before any resolver runs, unless the request brought credentials or only introspects.
 *
 * @param credentials what to send, for people
 */
export function useAuthentication(credentials: string): Plugin<Authenticated> {
  return {
    onExecute({ args, setResultAndStopExecution }) {
      if (args.contextValue.environmentId !== '') return;
      const operation = getOperationAST(args.document, args.operationName);
      if (operation && introspects(operation.selectionSet, args.document) && !hasAlias(args.document)) return;
      setResultAndStopExecution({ errors: [unauthenticated(credentials)] });
    },
  };
}

/** Introspection tells nothing but the schema, which is public: it needs no credentials. Every other field does. */
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
