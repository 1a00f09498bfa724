import { z } from 'zod';
import { Id, Line, Metadata } from '../input.ts';

/** What a new user needs: an id of the company's own. The same email may belong to several users. */
export const NewUser = z.object({
  id: Id,
  billingId: Line.nullish(),
  name: Line.nullish(),
  email: Line.nullish(),
  metadata: Metadata.nullish(),
});
export type NewUser = z.output<typeof NewUser>;

/**
 * The id is the new one. The one under which the user was named changes nothing, also if it is the id of a user
 * who was merged into this one. Of the rest, an omitted field stays and null clears it.
 */
export const UserChange = z.object({
  id: Id,
  name: Line.nullish(),
  metadata: Metadata.nullish(),
});
export type UserChange = z.output<typeof UserChange>;

/**
 * By what emails are compared: without case, and without space around them. They are stored as they are given. The
 * database's function kana_email_key does the same.
 */
export const emailKey = (email: string) => email.normalize('NFC').toLowerCase().trim();

/** What is known of a user besides the id. In a change, what is left out stays and null clears it. */
export interface UserFacts {
  name?: string | null;
  email?: string | null;
  billingId?: string | null;
  metadata?: Record<string, unknown> | null;
}
