import { importConflict } from '../../errors.ts';
import { emailKey } from '../rules.ts';
import type { Facts } from './csv-rules.ts';
import type { Directory, DirectoryUser } from './directory-rules.ts';

/** The user of a row, and the action. */
export type Match =
  | { kind: 'create' | 'update'; user: DirectoryUser }
  /** The imported user gets the id. */
  | { kind: 'claim'; user: DirectoryUser; id: string }
  /** `other` is merged into `user`. */
  | { kind: 'merge'; user: DirectoryUser; other: DirectoryUser };

/**
 * Finds the user of a row, and the action. Emails are compared by emailKey.
 *
 * A row with an id:
 *  - A user has the id: update. If exactly one other user has the row's billing id, and one of the two was imported
 *    (so its id is not its own), they are one customer: merge into the user with an id of its own.
 *  - No user has the id, but exactly one user has the row's billing id, and was imported: that user gets the id
 *    (claim). If no user has the billing id, the same by email.
 *  - Otherwise: create.
 *
 * A row without an id is a customer of a billing provider. Candidates are the users with its billing id; if there are
 * none, the users with its email; if there are none, the user whose id is the email. The last two only if they have no
 * other billing id. Of several candidates, those with the same email count; of several such, the one whose id is the
 * email. If there is no candidate: create, with the email as id or, if the id is taken, the billing id.
 *
 * @throws ImportConflictError if a row without an id fits several users, or has nothing that could be an id
 */
export function matchRow(facts: Facts, directory: Directory): Match {
  return facts.id === undefined
    ? matchCustomer(facts, directory)
    : matchOwn({ ...facts, id: facts.id }, directory);
}

function matchOwn(facts: Facts & { id: string }, directory: Directory): Match {
  const user = directory.byId.get(facts.id);
  if (user === undefined) {
    const claimed = findClaimable(facts, directory);
    if (claimed !== null) return { kind: 'claim', user: claimed, id: facts.id };
    return { kind: 'create', user: newUser(facts, facts.id, false) };
  }
  if (facts.billingId === user.billingId) return { kind: 'update', user };
  const [customer, ...rivals] = withBillingId(facts, directory);
  if (customer === undefined || rivals.length > 0) return { kind: 'update', user };
  if (customer.imported) return { kind: 'merge', user, other: customer };
  return user.imported ? { kind: 'merge', user: customer, other: user } : { kind: 'update', user };
}

function findClaimable(facts: Facts, directory: Directory): DirectoryUser | null {
  const customers = withBillingId(facts, directory);
  const [user, ...others] = customers.length > 0 ? customers : withEmail(facts, directory);
  return user?.imported && others.length === 0 && mayBeCustomer(user, facts) ? user : null;
}

function matchCustomer(facts: Facts, directory: Directory): Match {
  const { email } = facts;
  const namesake = email === undefined ? undefined : directory.byId.get(email);
  const candidates = findCandidates(facts, namesake, directory);
  const withBoth = candidates.filter((user) => isSameEmail(user.email, email));
  const rivals = withBoth.length > 0 ? withBoth : candidates;
  const user = rivals.length === 1 ? rivals[0] : rivals.find((rival) => rival === namesake);
  if (user !== undefined) return { kind: 'update', user };
  if (rivals.length > 0)
    throw importConflict('Several users have this billing id or email: give the row the id of one of them.');
  if (email === undefined)
    throw importConflict('The row has no id, no email that could be one, and a billing id that nobody has.');
  return {
    kind: 'create',
    user: newUser(facts, namesake === undefined ? email : spareId(facts, directory), true),
  };
}

/** The candidates of the first non-empty match: by billing id, by email, or by id. */
function findCandidates(
  facts: Facts,
  namesake: DirectoryUser | undefined,
  directory: Directory,
): DirectoryUser[] {
  const weakMatches = [withEmail(facts, directory), namesake ? [namesake] : []];
  const matches = [
    withBillingId(facts, directory),
    ...weakMatches.map((users) => users.filter((user) => mayBeCustomer(user, facts))),
  ];
  return matches.find((users) => users.length > 0) ?? [];
}

/** The id of a customer whose email is the id of another one. */
function spareId({ billingId }: Facts, { byId }: Directory): string {
  if (billingId === undefined || byId.has(billingId))
    throw importConflict('The email and the billing id are ids of other users: give the row an id.');
  return billingId;
}

const newUser = (facts: Facts, id: string, imported: boolean): DirectoryUser => ({
  ...{ key: null, name: null, email: null, billingId: null, metadata: {} },
  ...{ ...facts, id, imported },
});

const withBillingId = ({ billingId }: Facts, { byBillingId }: Directory) =>
  billingId === undefined ? [] : [...(byBillingId.get(billingId) ?? [])];

const withEmail = ({ email }: Facts, { byEmail }: Directory) =>
  email === undefined ? [] : [...(byEmail.get(emailKey(email)) ?? [])];

const isSameEmail = (a: string | null, b: string | undefined) =>
  a !== null && b !== undefined && emailKey(a) === emailKey(b);

/** Several customers may have one email, but a customer has only one billing id. */
const mayBeCustomer = (user: DirectoryUser, { billingId }: Facts) =>
  billingId === undefined || !user.billingId || user.billingId === billingId;
