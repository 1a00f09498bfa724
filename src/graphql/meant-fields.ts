import { type DocumentNode, type FieldNode, Kind, type SelectionSetNode } from 'graphql';

/**
 * One documented cURL example of Kana uses the field `subscription(userId: …)`, which Kana's schema does not have. It is
 * answered as `subscriptions(userId: …)`, under the name that the client wrote.
 */
export function withMeantFields(document: DocumentNode): DocumentNode {
  if (!document.definitions.some((definition) => 'operation' in definition && isMeant(definition)))
    return document;
  return {
    ...document,
    definitions: document.definitions.map((definition) =>
      'operation' in definition && isMeant(definition)
        ? { ...definition, selectionSet: rename(definition.selectionSet) }
        : definition,
    ),
  };
}

function isMeant({ operation, selectionSet }: { operation: string; selectionSet?: SelectionSetNode }) {
  return operation === 'query' && selectionSet?.selections.some(asksForList) === true;
}

const asksForList = (selection: SelectionSetNode['selections'][number]): selection is FieldNode =>
  selection.kind === Kind.FIELD &&
  selection.name.value === 'subscription' &&
  selection.arguments?.length === 1 &&
  selection.arguments[0]?.name.value === 'userId';

function rename(set: SelectionSetNode): SelectionSetNode {
  return {
    ...set,
    selections: set.selections.map((selection) =>
      asksForList(selection)
        ? {
            ...selection,
            alias: selection.alias ?? selection.name,
            name: { ...selection.name, value: 'subscriptions' },
          }
        : selection,
    ),
  };
}
