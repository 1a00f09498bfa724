import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';

interface Asked {
  schema: GraphQLSchema;
  fieldNodes: readonly FieldNode[];
  fragments: Readonly<Record<string, FragmentDefinitionNode | undefined>>;
  returnType: GraphQLOutputType;
}

/**
 * How many fields of the answer each item of a list brings: its own, and those of objects in it. Of a list in it
 * just the one field: what it holds counts when it is there. One that is asked for twice counts twice. The item of
 * a list of plain values is one field.
 */
export function fieldsOfItem(asked: Asked): number {
  const fragments = new Map<string, number>();

  function ofSet(set: SelectionSetNode | undefined, parent: unknown): number {
    let count = 0;
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FIELD) count += ofField(selection, parent);
      else if (selection.kind === Kind.INLINE_FRAGMENT) count += ofSet(selection.selectionSet, parent);
      else count += ofFragment(selection.name.value, parent);
    }
    return count;
  }
  function ofField({ name, selectionSet }: FieldNode, parent: unknown): number {
    const type = isObjectType(parent) ? parent.getFields()[name.value]?.type : undefined;
    const isList = type !== undefined && isListType(getNullableType(type));
    return 1 + (type === undefined || isList ? 0 : ofSet(selectionSet, getNamedType(type)));
  }
  function ofFragment(name: string, parent: unknown): number {
    const count = fragments.get(name) ?? ofSet(asked.fragments[name]?.selectionSet, parent);
    fragments.set(name, count);
    return count;
  }
  const item = getNamedType(asked.returnType);
  const count = asked.fieldNodes.reduce((sum, { selectionSet }) => sum + ofSet(selectionSet, item), 0);
  return Math.max(count, 1);
}

const charactersOfField = 64;

/** As how many more fields a long text counts, or a JSON value: by its characters in the answer. */
export function fieldsOfText(value: unknown): number {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
  return Math.floor(text.length / charactersOfField);
}
