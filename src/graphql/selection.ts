import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLResolveInfo,
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
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        open.push(selection.selectionSet);
      } else if (!seen.has(selection.name.value)) {
        seen.add(selection.name.value);
        const fragment = fragments[selection.name.value];
        if (fragment !== undefined) open.push(fragment.selectionSet);
      }
    }
  }
  return false;
}
