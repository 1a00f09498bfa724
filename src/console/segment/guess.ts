/** Words of four letters or more, the beginnings of which are compared: `calls` and `call` are alike. */
const wordsOf = (text: string): string[] => text.toLowerCase().match(/\p{L}{4,}/gu) ?? [];

/**
 * The id of the feature that events sound like: the only one there is, or the only one with a word in common.
 * Empty if there is no such feature.
 *
 * @param said what the events are called, and what they say
 */
export function guessFeature(
  said: readonly string[],
  features: readonly { id: string; name: string }[],
): string {
  const words = said.flatMap(wordsOf);
  const isAlike = (one: string, other: string) => one.startsWith(other) || other.startsWith(one);
  const alike = features.filter(({ id, name }) =>
    [...wordsOf(id), ...wordsOf(name)].some((word) => words.some((each) => isAlike(each, word))),
  );
  const [only, another] = features.length === 1 ? features : alike;
  return only !== undefined && another === undefined ? only.id : '';
}
