import { z } from 'zod';

/** The search text. An empty text matches all users. */
export const Search = z
  .string()
  .max(255, 'must be at most 255 characters')
  .refine((text) => !text.includes('\u0000'), 'must not contain null characters');

/** The separators of words, as in the SQL function kana_search_words. */
const marks = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~\s]+/;

/**
 * Converts a search text to a full-text query of PostgreSQL: each word of the search must be the start of a word in the
 * id, name, email or billing id. Case is ignored. Punctuation on its own is searched literally. Null if the text is
 * empty.
 */
export function searchQuery(search: string): string | null {
  const terms = search.normalize('NFC').toLowerCase().split(/\s+/).filter(Boolean);
  if (terms.length === 0) return null;
  return terms.flatMap(lexemesOf).join(' & ');
}

function lexemesOf(term: string): string[] {
  const words = term.split(marks).filter(Boolean);
  return words.length > 0 ? words.map((word) => `${quoted(word)}:*`) : [...new Set(term)].map(quoted);
}

const quoted = (lexeme: string) => `'${lexeme.replace(/[\\']/g, '$&$&')}'`;
