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

/** The id is the new one, and may be the old one; of the rest, an omitted field stays and null clears it. */
export const UserChange = z.object({
  id: Id,
  name: Line.nullish(),
  metadata: Metadata.nullish(),
});

/** What is known of a user besides the id. In a change, what is left out stays and null clears it. */
export interface UserFacts {
  name?: string | null;
  email?: string | null;
  billingId?: string | null;
  metadata?: Record<string, unknown> | null;
}
