import { z } from 'zod';
import { Id, Line, Metadata, NewId } from '../input.ts';

/** A new user. Several users may have the same email. */
export const NewUser = z.object({
  id: NewId,
  billingId: Line.nullish(),
  name: Line.nullish(),
  email: Line.nullish(),
  metadata: Metadata.nullish(),
});
export type NewUser = z.output<typeof NewUser>;

/**
 * A change of a user. `id` is the new id; the current id, or a merged id by which the user was found, changes nothing. An
 * omitted field stays, null clears.
 */
export const UserChange = z.object({
  id: Id,
  name: Line.nullish(),
  email: Line.nullish(),
  billingId: Line.nullish(),
  metadata: Metadata.nullish(),
});
export type UserChange = z.output<typeof UserChange>;

/**
 * The form in which emails are compared: lower case, without space around it. Emails are stored unchanged. The SQL
 * function kana_email_key is equivalent.
 */
export const emailKey = (email: string) => email.normalize('NFC').toLowerCase().trim();

/** The fields of a user except the id. In a change, an omitted field stays and null clears. */
export interface UserFacts {
  name?: string | null;
  email?: string | null;
  billingId?: string | null;
  metadata?: Record<string, unknown> | null;
}

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
