import { z } from 'zod';
import { Id, Line, Metadata } from '../input.ts';

/** A new user. Several users may have the same email. */
export const NewUser = z.object({
  id: Id,
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
