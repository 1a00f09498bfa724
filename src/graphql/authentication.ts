import { BREAK, type DocumentNode, type FragmentDefinitionNode, GraphQLError, Kind, visit } from 'graphql';
import { parseWithin, strangerText } from './limits/document.ts';
import { someField } from './selection.ts';

/**
 * Whether this operation needs no credentials: it is short and only queries the schema, which is public. Also true for a
 * short text with a syntax error, so that the answer can report it. Every other field needs credentials.
 */
export function isOpenToAll(text: string): boolean {
  try {
    return asksForSchemaOnly(parseWithin(strangerText, text));
  } catch (error) {
    return error instanceof GraphQLError && !error.message.startsWith('Syntax Error: More than');
  }
}

/** With aliases, one request could query the whole schema thousands of times. */
function asksForSchemaOnly(document: DocumentNode): boolean {
  if (hasAlias(document)) return false;
  const fragments = fragmentsOf(document);
  return document.definitions.every(
    (definition) =>
      definition.kind !== Kind.OPERATION_DEFINITION ||
      !someField(definition.selectionSet, fragments, ({ name }) => !name.value.startsWith('__')),
  );
}

function fragmentsOf({ definitions }: DocumentNode): Record<string, FragmentDefinitionNode> {
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  return Object.fromEntries(fragments.map((fragment) => [fragment.name.value, fragment]));
}

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
