import { z } from 'zod';

/** What users are searched for; it may be empty, which every user fits. */
export const Search = z
  .string()
  .max(255, 'must be at most 255 characters')
  .refine((text) => !text.includes('\u0000'), 'must not contain null characters');

/** What ends a word, besides space: the same that the index takes for space. */
const separators = /[\s@._\-+/:|#]+/;

/**
 * The query of PostgreSQL's full-text search that finds who fits: every word of the search begins a word of
 * the user's id, name, email or billing id, whatever the case. Null when the search holds no word.
 */
export function searchQuery(search: string): string | null {
  const words = search.split(separators).filter((word) => /[\p{L}\p{N}]/u.test(word));
  if (words.length === 0) return null;
  return words.map((word) => `'${word.replace(/[\\']/g, '$&$&')}':*`).join(' & ');
}
