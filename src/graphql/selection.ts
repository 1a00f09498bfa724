import { type GraphQLResolveInfo, Kind, type SelectionSetNode } from 'graphql';

/** Whether the operation selects this field of the answer; @skip and @include are not looked at. */
export function selects(info: GraphQLResolveInfo, field: string): boolean {
  return info.fieldNodes.some(({ selectionSet }) => setSelects(selectionSet, field, info));
}

function setSelects(set: SelectionSetNode | undefined, field: string, info: GraphQLResolveInfo): boolean {
  return (set?.selections ?? []).some((selection) => {
    if (selection.kind === Kind.FIELD) return selection.name.value === field;
    if (selection.kind === Kind.INLINE_FRAGMENT) return setSelects(selection.selectionSet, field, info);
    return setSelects(info.fragments[selection.name.value]?.selectionSet, field, info);
  });
}
