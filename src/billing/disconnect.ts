import { note } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { DomainError } from '../errors.ts';
import { lockConnection } from './connection.ts';
import { countHeld } from './leave-store.ts';
import { noProblem } from './problem.ts';
import { notConnected } from './stripe.ts';

/** A connection that was ended. */
export interface FormerConnection {
  accountId: string;
  disconnectedAt: Date;
}

/**
 * Ends the connection of an environment. Its keys are deleted, and Stripe is neither asked nor heard any more. All else
 * stays: what is held by it as Stripe last said, so that nobody loses access, and customers, prices with their packages,
 * templates and meters, so that the same account goes on where it was; see connectStripe.
 *
 * @param isConfigured whether environment variables would connect it again
 * @throws StripeNotConnectedError, and StripeConfiguredError
 */
export async function disconnectStripe(
  prisma: PrismaClient,
  author: Author,
  isConfigured: boolean,
): Promise<FormerConnection> {
  const { environmentId } = author;
  if (isConfigured)
    throw new DomainError(
      'BAD_USER_INPUT',
      'StripeConfiguredError',
      `Environment variables connect this environment: take STRIPE_${environmentId.toUpperCase()}_SECRET_KEY away and start the server again first.`,
    );
  return prisma.$transaction(async (tx) => {
    const before = await lockConnection(tx, environmentId);
    if (before === null || before.disconnectedAt !== null) throw notConnected();
    const now = new Date();
    const brokenOff = {
      importState: 'FAILED' as const,
      importEndedAt: now,
      importProblem: 'the environment was disconnected',
    };
    await tx.stripeConnection.update({
      where: { environmentId },
      data: {
        ...{ secretKey: null, webhookSecrets: [], disconnectedAt: now, ...noProblem() },
        ...(before.importState === 'RUNNING' ? brokenOff : {}),
      },
    });
    const what = { action: 'disconnectStripe', type: 'BILLING', id: before.accountId } as const;
    await note(tx, author, what, { subscriptions: await countHeld(tx, environmentId) });
    return { accountId: before.accountId, disconnectedAt: now };
  });
}

/** The connection that an environment had; null while it is connected, and if it never was. */
export async function findFormerConnection(db: Db, environmentId: string): Promise<FormerConnection | null> {
  const row = await db.stripeConnection.findUnique({ where: { environmentId } });
  return row === null || row.disconnectedAt === null
    ? null
    : { accountId: row.accountId, disconnectedAt: row.disconnectedAt };
}
