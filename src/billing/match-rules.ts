import { Id, Line, NewId } from '../input.ts';
import { emailKey } from '../users/rules.ts';
import { lineOf } from './said-rules.ts';

/** A customer at Stripe, as far as it tells whose it is. Read anew each time, never stored. */
export interface CustomerFacts {
  id: string;
  email: string | null;
  name: string | null;
  /** The ids of users that a payment link of ours left at Stripe. */
  ownIds: readonly string[];
}

/** What Stripe lets a customer have. */
interface StripeCustomer {
  id: string;
  email?: string | null;
  name?: string | null;
}

const maxNameLength = 255;

/**
 * What is taken of a customer: what a user can have. Stripe allows longer names and emails. A name is shortened; an email
 * that is too long is none.
 */
export function factsOf(
  { id, email, name }: StripeCustomer,
  named: readonly (string | undefined)[],
): CustomerFacts {
  return {
    id,
    email: Line.safeParse(email).data ?? null,
    name: lineOf(name, maxNameLength),
    ownIds: named.filter((each): each is string => Id.safeParse(each).success),
  };
}

/** A user whose customer it may be. */
export interface Candidate {
  key: bigint;
  id: string;
  name: string | null;
  email: string | null;
  billingId: string | null;
  imported: boolean;
}

export interface Candidates {
  /** The users with one of the ids of our own, survivors of merges included. */
  byOwnId: readonly Candidate[];
  byBillingId: readonly Candidate[];
  byEmail: readonly Candidate[];
  /** The ids that a new user could have and that are taken. */
  takenIds: ReadonlySet<string>;
}

/** Whose customer it is. */
export type CustomerMatch =
  | { kind: 'user'; user: Candidate }
  | { kind: 'create'; id: string }
  /** Several users could be meant: a person has to say who. */
  | { kind: 'several' };

/**
 * Whose customer it is, by the first of these that says it:
 *  1. the id of a user that our payment link left at Stripe;
 *  2. the billing id. Of several users with it, those with an id of their own count before imported ones, who were made
 *     only because nobody else was known; then the one with the email;
 *  3. the email, of exactly one user without another billing id;
 *  4. nobody's yet: a user is created. The id is the email, or else the id of the customer.
 * Of several users with the email, none can be chosen, so nothing is attached.
 */
export function matchCustomer(customer: CustomerFacts, candidates: Candidates): CustomerMatch {
  const [own] = candidates.byOwnId;
  if (own !== undefined) return { kind: 'user', user: own };
  const byBillingId = ownFirst(candidates.byBillingId);
  if (byBillingId.length > 0)
    return only(byBillingId) ?? only(withEmail(byBillingId, customer)) ?? { kind: 'several' };
  const byEmail = candidates.byEmail.filter(({ billingId }) => !billingId || billingId === customer.id);
  if (byEmail.length > 0) return only(byEmail) ?? { kind: 'several' };
  const spare = [customer.email?.trim(), customer.id].find(
    (id) => NewId.safeParse(id).success && !candidates.takenIds.has(id ?? ''),
  );
  return spare ? { kind: 'create', id: spare } : { kind: 'several' };
}

/**
 * Whose a customer is after somebody's billing id has changed; null: nobody's yet. A deleted customer stays whose it was.
 * That of a deleted user goes to a user only who is given its id.
 */
export function ownerAfterDoubt(
  match: CustomerMatch | null,
  customerId: string,
  { userKey, isForgotten }: { userKey: bigint | null; isForgotten: boolean },
): bigint | null {
  if (match === null) return userKey;
  if (match.kind !== 'user') return null;
  return isForgotten && match.user.billingId !== customerId ? null : match.user.key;
}

/** Those with an id of their own, if there are any. */
function ownFirst(users: readonly Candidate[]): readonly Candidate[] {
  const own = users.filter(({ imported }) => !imported);
  return own.length > 0 ? own : users;
}

function only([first, ...others]: readonly Candidate[]): CustomerMatch | null {
  return first !== undefined && others.length === 0 ? { kind: 'user', user: first } : null;
}

const withEmail = (users: readonly Candidate[], { email }: CustomerFacts) =>
  users.filter((user) => email !== null && user.email !== null && emailKey(user.email) === emailKey(email));

/** What a customer changes of its user: an imported user follows, of others only gaps are filled. */
export function factsFrom({ id, name, email }: CustomerFacts, user: Candidate): Partial<Candidate> {
  const facts = { name, email, billingId: id };
  const entries = Object.entries(facts) as [keyof typeof facts, string | null][];
  return Object.fromEntries(
    entries.filter(
      ([field, value]) => value && value !== user[field] && (follows(field, user) || !user[field]),
    ),
  );
}

/** A billing id is never replaced: it says whose customer somebody is. */
const follows = (field: string, { imported }: Candidate) => imported && field !== 'billingId';
