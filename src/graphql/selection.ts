import {
  type FieldNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  type GraphQLResolveInfo,
  type InlineFragmentNode,
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
