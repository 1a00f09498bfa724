import type { Db } from '../database/client.ts';
import type { Mirror } from './mirror-rules.ts';
import type { MappedPackage } from './projection-rules.ts';

export interface PriceFacts {
  id: string;
  productId: string;
  productName: string | null;
  isActive: boolean;
  amount: bigint | null;
  currency: string;
  /** All in which it is sold, its own included. */
  currencies: string[];
  interval: string | null;
  intervalCount: number | null;
  /** Whether it bills what is sent to a meter. */
  isMetered: boolean;
  createdAt: Date;
}

/**
 * Stores prices. What they are mapped to stays.
 *
 * @param readNumber drawn before Stripe was asked for a list, or after it made the price
 */
export async function savePrices(
  tx: Db,
  environmentId: string,
  prices: readonly PriceFacts[],
  readNumber: bigint,
): Promise<void> {
  for (const { id, createdAt, ...given } of prices) {
    const facts = { ...given, readNumber };
    await tx.stripePrice.upsert({
      where: { environmentId_id: { environmentId, id } },
      create: { environmentId, id, createdAt, ...facts },
      update: facts,
    });
  }
}

/** Prices that a whole list of Stripe's did not have were deleted there: they are no longer sold. */
export async function retireUnlisted(db: Db, environmentId: string, readNumber: bigint): Promise<void> {
  await db.stripePrice.updateMany({
    where: { environmentId, isActive: true, readNumber: { lt: readNumber } },
    data: { isActive: false },
  });
}

/** The packages that these mirrors' prices are mapped to, by price. */
export async function readMappedPackages(
  db: Db,
  environmentId: string,
  mirrors: readonly Mirror[],
): Promise<Map<string, MappedPackage>> {
  const priceIds = mirrors.flatMap(({ subscriptions, payments }) => [
    ...subscriptions.flatMap(({ items }) => items.map(({ priceId }) => priceId)),
    ...payments.flatMap((payment) => payment.priceIds),
  ]);
  if (priceIds.length === 0) return new Map();
  const rows = await db.$queryRaw<{ priceId: string; id: string; isAddon: boolean; isDraft: boolean }[]>`
    SELECT p.id AS "priceId", k.id, k.is_addon AS "isAddon", k.status = 'DRAFT' AS "isDraft"
    FROM stripe_price p JOIN package k ON k.environment_id = p.environment_id AND k.id = p.package_id
    WHERE p.environment_id = ${environmentId} AND p.id = ANY (${[...new Set(priceIds)]}::text[])`;
  return new Map(rows.map(({ priceId, ...mapped }) => [priceId, mapped]));
}

/** The prices that a package can be paid with, and the billing templates that sell them. */
export async function readPriceOptions(db: Db, environmentId: string, packageId: string) {
  const where = { environmentId, packageId };
  const prices = await db.stripePrice.findMany({ where, orderBy: { id: 'asc' } });
  const templates = await db.billingTemplate.findMany({
    where,
    select: { currency: true, interval: true, priceIds: true },
    orderBy: { id: 'asc' },
  });
  return { prices, templates };
}

/** Those of these prices that are mapped to a package, with it. */
export async function readPackageIds(
  db: Db,
  environmentId: string,
  priceIds: readonly string[],
): Promise<Map<string, string>> {
  const rows = await db.stripePrice.findMany({
    where: { environmentId, id: { in: [...priceIds] } },
    select: { id: true, packageId: true },
  });
  return new Map(rows.flatMap(({ id, packageId }) => (packageId === null ? [] : [[id, packageId] as const])));
}

/** The next customers whose mirror has one of these prices, after `after`, in the order of ids. */
export async function findCustomersWithPrice(
  db: Db,
  environmentId: string,
  priceId: string,
  { after, take }: { after: string; take: number },
): Promise<string[]> {
  const inSubscription = JSON.stringify([{ items: [{ priceId }] }]);
  const inPayment = JSON.stringify([{ priceIds: [priceId] }]);
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM stripe_customer
    WHERE environment_id = ${environmentId} AND id > ${after}
      AND (subscriptions @> ${inSubscription}::jsonb OR payments @> ${inPayment}::jsonb)
    ORDER BY id LIMIT ${take}`;
  return rows.map(({ id }) => id);
}
