import { note } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { enqueueImport } from './queue.ts';
import { notConnected } from './stripe.ts';

/** Starts an import; one that is running goes on. @throws StripeNotConnectedError */
export async function startImport(prisma: PrismaClient, author: Author): Promise<void> {
  const { environmentId } = author;
  await prisma.$transaction(async (tx) => {
    if (!(await begin(tx, environmentId))) return;
    await note(
      tx,
      author,
      { action: 'importStripe', type: 'BILLING', id: environmentId },
      { state: 'RUNNING' },
    );
  });
}

/** Marks an import as running and enqueues it. Returns false if one is running. @throws StripeNotConnectedError */
export async function begin(tx: Db, environmentId: string): Promise<boolean> {
  const { count } = await tx.stripeConnection.updateMany({
    where: {
      ...{ environmentId, disconnectedAt: null },
      OR: [{ importState: null }, { importState: { not: 'RUNNING' } }],
    },
    data: {
      importState: 'RUNNING',
      importStartedAt: new Date(),
      importEndedAt: null,
      importCursor: null,
      importCursorAt: null,
      importProblem: null,
      ...{ importTotal: null, importFound: 0 },
      ...{ importedPrices: 0, importedCustomers: 0, importedSubscriptions: 0 },
    },
  });
  if (
    count === 0 &&
    (await tx.stripeConnection.count({ where: { environmentId, disconnectedAt: null } })) === 0
  )
    throw notConnected();
  await enqueueImport(tx, environmentId);
  return count > 0;
}
