import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  getNullableType,
  type InlineFragmentNode,
  isListType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';

/** Whether the operation selects this field. Ignores @skip and @include. */
export function selects(info: GraphQLResolveInfo, field: string): boolean {
  return info.fieldNodes.some(
    ({ selectionSet }) =>
      selectionSet && someField(selectionSet, info.fragments, ({ name }) => name.value === field),
  );
}

/**
 * Whether a selection or its fragments contain such a field at the top level. Visits each fragment once: following
 * every spread would take exponential time.
 */
export function someField(
  set: SelectionSetNode,
  fragments: Record<string, FragmentDefinitionNode>,
  matches: (field: FieldNode) => boolean,
): boolean {
  const open = [set];
  const seen = new Set<string>();
  for (const { selections } of open) {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        if (matches(selection)) return true;
        continue;
      }
      const inner = selectionSetOf(selection, fragments, seen);
      if (inner !== undefined) open.push(inner);
    }
  }
  return false;
}

/** Returns the selection set of a fragment. Undefined if it was seen before. */
export function selectionSetOf(
  fragment: InlineFragmentNode | FragmentSpreadNode,
  fragments: Record<string, FragmentDefinitionNode>,
  seen: Set<string>,
): SelectionSetNode | undefined {
  if (fragment.kind === Kind.INLINE_FRAGMENT) return fragment.selectionSet;
  const name = fragment.name.value;
  if (seen.has(name)) return undefined;
  seen.add(name);
  return fragments[name]?.selectionSet;
}

export type Fragments = Record<string, FragmentDefinitionNode>;

export const fragmentsOf = ({ definitions }: DocumentNode): Fragments =>
  Object.fromEntries(
    definitions
      .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  );

/** Field nodes that share a name in the answer. */
export type SameFields = [FieldNode, ...FieldNode[]];

/** The selected fields by their name in the answer, without directives. No type is abstract, so every fragment applies. */
export function collectFields(
  sets: readonly SelectionSetNode[],
  fragments: Fragments,
): Map<string, SameFields> {
  const fields = new Map<string, SameFields>();
  const seen = new Set<string>();
  for (const set of sets)
    for (const field of fieldsIn(set, fragments, seen)) {
      const key = (field.alias ?? field.name).value;
      const same = fields.get(key);
      if (same) same.push(field);
      else fields.set(key, [field]);
    }
  return fields;
}

/** The same below fields that share a name in the answer. */
export const fieldsBelow = (fieldNodes: readonly FieldNode[], fragments: Fragments) =>
  collectFields(
    fieldNodes.flatMap(({ selectionSet }) => selectionSet ?? []),
    fragments,
  );

function* fieldsIn(set: SelectionSetNode, fragments: Fragments, seen: Set<string>): Generator<FieldNode> {
  for (const selection of set.selections) {
    if (selection.kind === Kind.FIELD) yield selection;
    else {
      const inner = selectionSetOf(selection, fragments, seen);
      if (inner !== undefined) yield* fieldsIn(inner, fragments, seen);
    }
  }
}

/** How many fields an answer has. Infinite if it holds a list, or a value of any length. */
export function countFields(
  outputType: GraphQLOutputType,
  fieldNodes: readonly FieldNode[],
  fragments: Fragments,
): number {
  const type = getNullableType(outputType);
  if (isListType(type) || type.name === 'JSON') return Number.POSITIVE_INFINITY;
  if (!isObjectType(type)) return 1;
  const known = type.getFields();
  return [...fieldsBelow(fieldNodes, fragments).values()].reduce((sum, nodes) => {
    const field = known[nodes[0].name.value];
    return sum + (field === undefined ? 1 : countFields(field.type, nodes, fragments));
  }, 1);
}
