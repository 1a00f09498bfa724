import { audited } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { topUpNotFound, userNotFound } from '../../errors.ts';
import { requireFeature } from '../../features/store.ts';
import { changeSubscriptions } from '../../subscriptions/settle.ts';
import { requireUserKey } from '../../users/store.ts';
import { hashOfRequest, repeated } from '../request-rules.ts';
import { checkAmounts, checkCounted, checkExpiry, type NewTopUp } from './rules.ts';
import { addTopUp, endTopUp, findByKey, findOwner } from './store.ts';

/**
 * Gives a user a one-off amount of a feature, from now on.
 *
 * @returns the id of the top-up, or of the one that the first call with this idempotency key made
 * @throws UserNotFoundError, FeatureNotFoundError, IdempotencyKeyConflictError, or a ValidationError
 */
export async function topUp(prisma: PrismaClient, author: Author, made: NewTopUp): Promise<bigint> {
  const { environmentId } = author;
  const { idempotencyKey, ...request } = made;
  const userKey = await requireUserKey(prisma, environmentId, made.userId);
  const feature = await requireFeature(prisma, environmentId, made.featureId);
  checkCounted(feature.type);
  checkAmounts(made, { id: made.featureId, precision: feature.precision });
  const requestHash = idempotencyKey === null ? null : hashOfRequest(request);
  const id = await changeSubscriptions(prisma, userKey, async (tx, change) => {
    const first = repeated(await findByKey(tx, change.userKey, idempotencyKey), requestHash);
    if (first !== null) return first;
    checkExpiry(made, change.instant);
    return audited(
      tx,
      author,
      { action: 'topUp', type: 'TOP_UP', handles: [] },
      () => addTopUp(tx, environmentId, change, { ...made, requestHash }),
      (added) => [added],
    );
  });
  if (id === null) throw userNotFound(made.userId);
  return id;
}

/**
 * Ends a top-up now: nothing more is drawn from it. One that was voided before stays as it is.
 *
 * @throws TopUpNotFoundError
 */
export async function voidTopUp(
  prisma: PrismaClient,
  author: Author,
  id: bigint,
  reason: string | null,
): Promise<void> {
  const userKey = await findOwner(prisma, author.environmentId, id);
  if (userKey === null) throw topUpNotFound(`${id}`);
  const found = await changeSubscriptions(prisma, userKey, (tx, change) =>
    audited(tx, author, { action: 'voidTopUp', type: 'TOP_UP', handles: [id] }, () =>
      endTopUp(tx, change, id, reason),
    ),
  );
  if (!found) throw topUpNotFound(`${id}`);
}
