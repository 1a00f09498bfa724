import { z } from 'zod';
import { Line } from '../../input.ts';

/** Traits of an identify event. An absent trait changes nothing. */
export interface Traits {
  name?: string;
  email?: string;
  billingId?: string;
}

/** A user whom an identify event may be about. */
export interface Candidate {
  key: bigint;
  id: string;
  email: string | null;
  /** Imported from a billing provider, without an id of the company. */
  imported: boolean;
}

/** What an identify event does; `self` is the user who has its id already. */
export type IdentifyPlan =
  | { outcome: 'USER_CREATED' }
  | { outcome: 'USER_UPDATED'; self: Candidate }
  | { outcome: 'USER_CLAIMED'; claimed: Candidate }
  | { outcome: 'USERS_MERGED'; self: Candidate; other: Candidate };

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
 * Reads name, email and billing id from an identify event; drops the rest. If the event has no `traits`, reads
 * `context.traits`, as RudderStack's libraries send them. Ignores a trait that is not text, blank or too long.
 */
export function readTraits(payload: unknown): Traits {
  const { traits, context } = Payload.parse(payload);
  const given = traits ?? context?.traits ?? {};
  const { name, email, billingUserId, billingId } = given;
  const known = { name, email, billingId: billingUserId ?? billingId };
  return Object.fromEntries(Object.entries(known).filter(([, trait]) => trait !== undefined));
}

/**
 * Decides what an identify event does. The id decides before the email: several users with ids of the company may
 * share an email, and stay separate users. The email decides only if exactly one other user has it, and that user was
 * imported from a billing provider:
 *  - if no user has the id, the imported user gets it;
 *  - if a user has the id and no email, the two are merged, and the id stays.
 * Otherwise, the user with the id is updated, or created.
 *
 * @param self the user with the id of the event; null if there is none
 * @param others other users with the email of the event; empty if the event has no email
 */
export function planIdentify(self: Candidate | null, others: readonly Candidate[]): IdentifyPlan {
  const [only] = others;
  const imported = others.length === 1 && only?.imported ? only : null;
  if (imported && self === null) return { outcome: 'USER_CLAIMED', claimed: imported };
  if (imported && self !== null && !self.email) return { outcome: 'USERS_MERGED', self, other: imported };
  return self === null ? { outcome: 'USER_CREATED' } : { outcome: 'USER_UPDATED', self };
}
