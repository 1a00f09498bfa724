import { audited } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import type { StripeConnection } from '../database/generated/client.ts';
import { invalidInput } from '../errors.ts';
import { countHeld, findBilledUsers, forgetAccount } from './leave-store.ts';

/** More users than this at once would hold up everybody else. */
const maxUsers = 10_000;

/**
 * Forgets an account of Stripe, so that the environment can be connected with another one: its customers with the billing
 * ids of their users, prices, templates and meters. What was held by it and has ended stays.
 *
 * @throws ValidationError while something is held by it, while an import runs, or if it has too many users
 */
export async function leaveAccount(
  tx: Db,
  author: Author,
  { environmentId, accountId, importState, disconnectedAt }: StripeConnection,
): Promise<void> {
  const refuse = (why: string) =>
    invalidInput(
      'input.secretKey',
      `is of another account: this environment ${disconnectedAt === null ? 'is' : 'was'} connected with ${accountId}, and ${why}`,
    );
  if (importState === 'RUNNING') throw refuse('an import from it is running');
  const held = await countHeld(tx, environmentId);
  if (held > 0) throw refuse(`${held} subscriptions are held by it: cancel them first`);
  const handles = await findBilledUsers(tx, environmentId, maxUsers + 1);
  if (handles.length > maxUsers) throw refuse(`more than ${maxUsers} users have billing ids of it`);
  await audited(tx, author, { action: 'connectStripe', type: 'USER', handles }, () =>
    tx.user.updateMany({ where: { key: { in: handles } }, data: { billingId: null } }),
  );
  await forgetAccount(tx, environmentId);
}

/** The state of a connection from which nothing was imported yet. */
export const startOver = () => ({
  ...{ connectedAt: new Date(), eventsUntil: new Date(), reconciledAt: null },
  ...{ importState: null, importStartedAt: null, importEndedAt: null, importProblem: null },
  ...{ importCursor: null, importCursorAt: null, importTotal: null, importFound: 0 },
  ...{ importedPrices: 0, importedCustomers: 0, importedSubscriptions: 0 },
});
