import { z } from 'zod';
import { Line } from '../../input.ts';

/** What identify says about a user. A trait that is absent changes nothing. */
export interface Traits {
  name?: string;
  email?: string;
  billingId?: string;
}

/** A user as identify compares it. */
export interface KnownUser {
  key: bigint;
  id: string;
  email: string | null;
  /** Came from a billing provider, and has no id of the company's own. */
  imported: boolean;
}

/** What to do with an identified user; `self` is the user who has the id already. */
export type IdentifyPlan =
  | { outcome: 'USER_CREATED' }
  | { outcome: 'USER_UPDATED'; self: KnownUser }
  | { outcome: 'USER_CLAIMED'; claimed: KnownUser }
  | { outcome: 'USERS_MERGED'; self: KnownUser; other: KnownUser };

const Trait = Line.refine((text) => text.trim() !== '')
  .optional()
  .catch(undefined);

const AllTraits = z
  .object({ name: Trait, email: Trait, billingUserId: Trait, billingId: Trait })
  .optional()
  .catch(undefined);

const Payload = z.object({
  traits: AllTraits,
  context: z.object({ traits: AllTraits }).optional().catch(undefined),
});

/**
 * Reads name, email and billing id off an identify event, and drops the rest. They stand in its traits; where it has
 * none, in those of its context, as RudderStack's libraries send them. A trait that no user can have is ignored as if
 * it were absent: one that is not text, blank, or too long.
 */
export function readTraits(payload: unknown): Traits {
  const { traits, context } = Payload.parse(payload);
  const given = traits ?? context?.traits ?? {};
  const { name, email, billingUserId, billingId } = given;
  const known = { name, email, billingId: billingUserId ?? billingId };
  return Object.fromEntries(Object.entries(known).filter(([, trait]) => trait !== undefined));
}

/**
 * Decides who an identified user is. The id outranks the email: of users with an id of their own, several may
 * have one email, and none of them is ever taken for another. Only a user who was imported from a billing
 * provider has nothing but the email, and is the identified user when exactly one such user has it:
 *  - when nobody has the id yet, the imported user gets it;
 *  - when somebody has the id, but no email, the two are merged, and the id stays.
 * In every other case somebody who has the id is updated, and otherwise a user is created.
 *
 * @param self the user with the id of the event; null when there is none
 * @param others all other users with the email of the event; none when the event has no email
 */
export function planIdentify(self: KnownUser | null, others: readonly KnownUser[]): IdentifyPlan {
  const [only] = others;
  const imported = others.length === 1 && only?.imported ? only : null;
  if (imported && self === null) return { outcome: 'USER_CLAIMED', claimed: imported };
  if (imported && self !== null && !self.email) return { outcome: 'USERS_MERGED', self, other: imported };
  return self === null ? { outcome: 'USER_CREATED' } : { outcome: 'USER_UPDATED', self };
}
