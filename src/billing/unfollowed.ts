import { audited } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { subscriptionError, subscriptionNotFound } from '../errors.ts';
import { instantOf, type When } from '../subscriptions/change/rules.ts';
import { planCancel } from '../subscriptions/end-rules.ts';
import { changeSubscriptions } from '../subscriptions/settle.ts';
import { endSubscriptions, findHeld, findOwn, findOwner } from '../subscriptions/store.ts';

/**
 * Cancels a subscription that Stripe decided on and that is no longer followed, since the environment was disconnected.
 * It ends here only. Connecting the same account again brings it back, if Stripe says so.
 *
 * @throws SubscriptionNotFoundError, or a SubscriptionError for a later end, of which nothing here would take care
 */
export async function cancelUnfollowed(
  prisma: PrismaClient,
  author: Author,
  id: bigint,
  when: When,
): Promise<void> {
  const userKey = await findOwner(prisma, author.environmentId, id);
  if (userKey === null) throw subscriptionNotFound(`${id}`);
  await changeSubscriptions(prisma, userKey, async (tx, change) => {
    const target = await findOwn(tx, change.userKey, id);
    if (target === null) throw subscriptionNotFound(`${id}`);
    const at = instantOf(when, change.instant, change.instant);
    if (when.atPeriodEnd || at > change.instant)
      throw subscriptionError(
        'This environment is no longer connected with Stripe: what Stripe decided on can be cancelled now only.',
      );
    const endings = planCancel(target, await findHeld(tx, change.userKey), at, () => undefined);
    const handles = endings.map((ending) => ending.id);
    await audited(tx, author, { action: 'cancelSubscription', type: 'SUBSCRIPTION', handles }, () =>
      endSubscriptions(tx, change, endings),
    );
  });
}
