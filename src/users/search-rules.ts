import { z } from 'zod';

/** What users are searched for; it may be empty, which every user fits. */
export const Search = z
  .string()
  .max(255, 'must be at most 255 characters')
  .refine((text) => !text.includes('\u0000'), 'must not contain null characters');

/** What ends a word, besides space: the same as in the database's function kana_search_words. */
const marks = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~\s]+/;

/**
 * The query of PostgreSQL's full-text search that finds who fits: every word of the search begins a word of
 * the user's id, name, email or billing id, whatever the case. Punctuation that stands alone is searched for as it is.
 * Null when the search is empty.
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
