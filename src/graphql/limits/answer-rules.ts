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

interface RequestedList {
  schema: GraphQLSchema;
  fieldNodes: readonly FieldNode[];
  fragments: Readonly<Record<string, FragmentDefinitionNode | undefined>>;
  returnType: GraphQLOutputType;
}

/**
 * Returns how many fields each item of a list has in the answer, including the fields of objects in it. A nested list
 * counts as one field: its items count when they are loaded. A field that is requested twice counts twice. An item of a
 * list of scalars is one field.
 */
export function fieldsOfItem(requested: RequestedList): number {
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
    const count = fragments.get(name) ?? ofSet(requested.fragments[name]?.selectionSet, parent);
    fragments.set(name, count);
    return count;
  }
  const item = getNamedType(requested.returnType);
  const count = requested.fieldNodes.reduce((sum, { selectionSet }) => sum + ofSet(selectionSet, item), 0);
  return Math.max(count, 1);
}

const charactersPerField = 64;

/** Extra cost of a text or a JSON value: one field per 64 characters. */
export function fieldsOfText(value: unknown): number {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
  return Math.floor(text.length / charactersPerField);
}
