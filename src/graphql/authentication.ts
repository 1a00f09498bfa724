import {
  BREAK,
  type DocumentNode,
  type ExecutionArgs,
  type FragmentDefinitionNode,
  GraphQLError,
  getOperationAST,
  Kind,
  visit,
} from 'graphql';
import type { Plugin, YogaInitialContext } from 'graphql-yoga';
import { unauthenticatedError } from '../http/response.ts';
import { someField } from './selection.ts';

/**
 * What a request is answered from. Resolvers run with valid credentials only, and so get a `Context`; introspection,
 * which is open to all, needs none.
 */
export type Authentication<Context> = ({ isAuthenticated: true } & Context) | { isAuthenticated: false };

/** The answer to an operation in an address, which histories and the logs of proxies keep. */
const notPosted = () =>
  new GraphQLError('Send operations by POST: GET answers introspection only.', {
    extensions: { code: 'METHOD_NOT_ALLOWED', http: { status: 405, headers: { Allow: 'POST' } } },
  });

/**
 * Refuses before any resolver runs: 405 what was not posted, 401 what came without credentials. Introspection
 * is open to all.
 *
 * @param credentials what to send, for people
 */
export function useAuthentication(credentials: string): Plugin<Authentication<object> & YogaInitialContext> {
  const refused = () => unauthenticatedError(`Unauthenticated: send ${credentials}.`);
  return {
    onExecute({ args, setResultAndStopExecution }) {
      const { isAuthenticated, request } = args.contextValue;
      const posted = request.method === 'POST';
      if ((posted && isAuthenticated) || isOpenToAll(args)) return;
      setResultAndStopExecution({ errors: [posted ? refused() : notPosted()] });
    },
  };
}

/** Introspection tells nothing but the schema, which is public: it needs no credentials. Every other field does. */
function isOpenToAll({ document, operationName }: ExecutionArgs): boolean {
  const operation = getOperationAST(document, operationName);
  if (!operation || hasAlias(document)) return false;
  return !someField(
    operation.selectionSet,
    fragmentsOf(document),
    ({ name }) => !name.value.startsWith('__'),
  );
}

function fragmentsOf({ definitions }: DocumentNode): Record<string, FragmentDefinitionNode> {
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  return Object.fromEntries(fragments.map((fragment) => [fragment.name.value, fragment]));
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
