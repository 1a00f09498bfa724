/** Compares the first four letters of words, so that `calls` and `call` are alike. */
const wordsOf = (text: string): string[] => text.toLowerCase().match(/\p{L}{4,}/gu) ?? [];

/**
 * Guesses the feature of events: the only feature, or the only one that shares a word with them.
 * Returns an empty string if there is no such feature.
 *
 * @param said the name of the events and their properties
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
