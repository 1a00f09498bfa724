import { audited } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { longTransaction } from '../../database/transaction.ts';
import { grantNotFound, userNotFound } from '../../errors.ts';
import { requireFeature } from '../../features/store.ts';
import { changeSubscriptions } from '../../subscriptions/settle.ts';
import { recount } from '../../usage/ledger/store.ts';
import { requireUserKey } from '../../users/store.ts';
import { hashOfRequest, repeated } from '../request-rules.ts';
import { checkTerms, type NewGrant, planRevoke, spanOf } from './rules.ts';
import { addGrant, endGrant, findByKey, findOwn, findOwner } from './store.ts';

/**
 * Grants a feature to a user. Of a grant that starts in the past, usage counts that the ledger holds since then.
 *
 * @returns the id of the grant, or of the one that the first call with this idempotency key made
 * @throws UserNotFoundError, FeatureNotFoundError, IdempotencyKeyConflictError, or a ValidationError
 */
export async function grantFeature(prisma: PrismaClient, author: Author, grant: NewGrant): Promise<bigint> {
  const { environmentId } = author;
  const { idempotencyKey, ...request } = grant;
  const userKey = await requireUserKey(prisma, environmentId, grant.userId);
  checkTerms(await requireFeature(prisma, environmentId, grant.featureId), grant);
  const requestHash = idempotencyKey === null ? null : hashOfRequest(request);
  const isPast = grant.startsAt !== null && grant.startsAt <= new Date();
  const id = await changeSubscriptions(
    prisma,
    userKey,
    async (tx, change) => {
      const first = repeated(await findByKey(tx, change.userKey, idempotencyKey), requestHash);
      if (first !== null) return first;
      const span = spanOf(grant, change.instant);
      const what = { action: 'grantFeature', type: 'FEATURE_GRANT', handles: [] } as const;
      const made = await audited(
        tx,
        author,
        what,
        () => addGrant(tx, environmentId, change, { ...grant, ...span, requestHash }),
        (added) => [added],
      );
      if (span.startsAt < change.instant) await recount(tx, change.userKey);
      return made;
    },
    isPast ? longTransaction : undefined,
  );
  if (id === null) throw userNotFound(grant.userId);
  return id;
}

/**
 * Ends a grant now. One that was revoked before stays as it is.
 *
 * @throws GrantNotFoundError
 */
export async function revokeGrant(
  prisma: PrismaClient,
  author: Author,
  id: bigint,
  revokeReason: string | null,
): Promise<void> {
  const userKey = await findOwner(prisma, author.environmentId, id);
  if (userKey === null) throw grantNotFound(`${id}`);
  const found = await changeSubscriptions(prisma, userKey, async (tx, change) => {
    const grant = await findOwn(tx, change.userKey, id);
    if (grant === null) return null;
    const ended = planRevoke(grant, change.instant);
    if (ended === null) return id;
    await audited(tx, author, { action: 'revokeGrant', type: 'FEATURE_GRANT', handles: [id] }, () =>
      endGrant(tx, change.userKey, id, { ...ended, revokeReason }),
    );
    return id;
  });
  if (found === null) throw grantNotFound(`${id}`);
}
