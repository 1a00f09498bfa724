/** Makes an id from a name: `API calls` becomes `api-calls`. */
export const idFrom = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/\p{Diacritic}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');

/** A name with its id beside it, for lists to choose from. */
export const withId = ({ id, name }: { id: string; name: string }): string =>
  name === id ? id : `${name} (${id})`;

/** Choices of a list by name and id. */
export const choicesOf = (list: readonly { id: string; name: string }[]) =>
  list.map((each) => ({ value: each.id, label: withId(each) }));
