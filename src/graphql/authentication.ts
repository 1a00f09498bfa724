import { BREAK, type DocumentNode, type FragmentDefinitionNode, GraphQLError, Kind, visit } from 'graphql';
import { parseWithin, strangerText } from './limits/document.ts';
import { someField } from './selection.ts';

/**
 * Whether anybody may have this text answered: it is short, and asks for nothing but the schema, which is public; or it
 * is short and no GraphQL, which the answer will say. Every other field needs credentials.
 */
export function isOpenToAll(text: string): boolean {
  try {
    return asksForSchemaOnly(parseWithin(strangerText, text));
  } catch (error) {
    return error instanceof GraphQLError && !error.message.startsWith('Syntax Error: More than');
  }
}

/** Aliases would let anybody ask for the whole schema thousands of times in one request. */
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
