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
 * A row with an id is about the user with that id:
 *  - who has it: the user is changed. If the row brings a billing id that one other user has, and one of the two
 *    was imported and has no id of its own, they are one customer, and are merged into the one who has an id.
 *  - if nobody has it, and the row's billing id is that of one user alone, who was imported: that user is given
 *    the id. The same if nobody has the billing id, and the email is that of one user alone, who was imported.
 *  - otherwise a user is made.
 *
 * A row without an id is about a customer of a billing provider: whoever has its billing id; or else its email;
 * or else its email as id; the last two not with another billing id. Of several it is about the one who has the
 * email too, and of several such the one whose id it is. If there is nobody, a user is made whose id is the email or,
 * where another customer has that id, the billing id. Emails are compared by emailKey.
 *
 * @throws ImportConflictError when a row without an id could be about several users, or names nobody
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
