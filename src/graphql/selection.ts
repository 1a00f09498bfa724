import {
  type FieldNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  type GraphQLResolveInfo,
  type InlineFragmentNode,
  Kind,
  type SelectionSetNode,
} from 'graphql';

/** Whether the operation selects this field of the answer; @skip and @include are not looked at. */
export function selects(info: GraphQLResolveInfo, field: string): boolean {
  return info.fieldNodes.some(
    ({ selectionSet }) =>
      selectionSet && someField(selectionSet, info.fragments, ({ name }) => name.value === field),
  );
}

/**
 * Whether a selection, its fragments included, has such a field at its top. Each fragment is looked at once: where
 * fragments spread others twice, to follow every spread would take twice as long for each further one.
 */
export function someField(
  set: SelectionSetNode,
  fragments: Record<string, FragmentDefinitionNode>,
  isSuch: (field: FieldNode) => boolean,
): boolean {
  const open = [set];
  const seen = new Set<string>();
  for (const { selections } of open) {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        if (isSuch(selection)) return true;
        continue;
      }
      const beside = besideOf(selection, fragments, seen);
      if (beside !== undefined) open.push(beside);
    }
  }
  return false;
}

/** What a fragment adds beside its spread; undefined if it was seen before. */
function besideOf(
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
