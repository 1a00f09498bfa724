import type Stripe from 'stripe';
import { note } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { DomainError } from '../errors.ts';
import { holdPackage, requirePackage } from '../packages/store.ts';
import { type Connected, type OpenConnection, requireConnected } from './connection.ts';
import type { NewPrice } from './price-rules.ts';
import { type PriceFacts, retireUnlisted, savePrices } from './price-store.ts';
import { enqueueProjection } from './queue.ts';
import { instantOf, lineOf, wholeOf } from './said-rules.ts';
import { nextReadNumber } from './store.ts';
import { atStripe, notConnected } from './stripe.ts';

export const priceNotFoundAtStripe = (id: string) =>
  new DomainError(
    'NOT_FOUND',
    'PriceNotFoundError',
    `No price with the id "${id}" was imported from Stripe.`,
  );

/**
 * Makes sure that the environment is connected with the account that Stripe was asked of, until the transaction ends: what
 * a former account said is not stored.
 *
 * @throws StripeNotConnectedError
 */
async function requireAccount(
  tx: Db,
  { environmentId, accountId }: { environmentId: string; accountId: string },
): Promise<void> {
  const found = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM stripe_connection
    WHERE environment_id = ${environmentId} AND account_id = ${accountId} AND disconnected_at IS NULL FOR SHARE`;
  if (found.length === 0) throw notConnected();
}

/** Reads all prices with their products from Stripe, those that are no longer sold included. Returns how many. */
export async function readAllPrices(prisma: PrismaClient, connected: Connected): Promise<number> {
  const { environmentId, stripe } = connected;
  const readNumber = await nextReadNumber(prisma);
  let count = 0;
  let page: PriceFacts[] = [];
  const flush = async () => {
    await prisma.$transaction(async (tx) => {
      await requireAccount(tx, connected);
      await savePrices(tx, environmentId, page, readNumber);
    });
    count += page.length;
    page = [];
  };
  const expand = ['data.product', 'data.currency_options'];
  for await (const price of stripe.prices.list({ limit: 100, expand })) {
    page.push(factsOf(price));
    if (page.length === 100) await flush();
  }
  await flush();
  await retireUnlisted(prisma, environmentId, readNumber);
  return count;
}

const maxNameLength = 500;
const maxIntervalCount = 1_000_000;

function factsOf(price: Stripe.Price): PriceFacts {
  const { recurring } = price;
  // A price may have lost its product.
  const product = price.product as typeof price.product | null;
  const whole = typeof product === 'string' ? null : product;
  const amount = wholeOf(price.unit_amount);
  return {
    id: price.id,
    productId: typeof product === 'string' ? product : (product?.id ?? ''),
    productName: whole === null || whole.deleted ? null : lineOf(whole.name, maxNameLength),
    // Nothing of a product that is archived can be bought.
    isActive: price.active && (typeof product === 'string' || (!whole?.deleted && whole?.active === true)),
    amount: amount === null ? null : BigInt(amount),
    currency: price.currency,
    currencies: [...new Set([price.currency, ...Object.keys(price.currency_options ?? {})])].sort(),
    interval: recurring?.interval ?? null,
    intervalCount: wholeOf(recurring?.interval_count, maxIntervalCount),
    isMetered: recurring?.usage_type === 'metered',
    createdAt: instantOf(price.created),
  };
}

/**
 * Makes a product with one price at Stripe, for a package. Both are made by one call, which Stripe does once, however often
 * it is sent. If the server is killed right after it, the price is listed among those that no package is chosen for.
 *
 * @returns the id of the price
 * @throws StripeNotConnectedError, PackageNotFoundError, and ProviderPriceError with Stripe's reason
 */
export async function createPrice(
  prisma: PrismaClient,
  open: OpenConnection,
  author: Author,
  packageId: string,
  { productName, amount, currency, interval }: NewPrice,
): Promise<string> {
  const { environmentId } = author;
  const connected = await requireConnected(open, environmentId);
  await requirePackage(prisma, environmentId, packageId);
  const price = await atStripe(
    () =>
      connected.stripe.prices.create({
        ...{ unit_amount: amount, currency, product_data: { name: productName } },
        ...(interval == null ? {} : { recurring: { interval } }),
        metadata: { kana_package_id: packageId },
        expand: ['product', 'currency_options'],
      }),
    (message) => new DomainError('BAD_USER_INPUT', 'ProviderPriceError', message),
  );
  await prisma.$transaction(async (tx) => {
    await requireAccount(tx, connected);
    await holdPackage(tx, environmentId, packageId);
    await savePrices(tx, environmentId, [factsOf(price)], await nextReadNumber(tx));
    await tx.stripePrice.updateMany({
      where: { environmentId, id: price.id, packageId: null },
      data: { packageId, mappedAt: new Date() },
    });
    const what = { action: 'createProviderPrice', type: 'BILLING', id: price.id } as const;
    await note(tx, author, what, { packageId, amount, currency, interval: interval ?? null });
  });
  return price.id;
}

/**
 * Maps a price at Stripe to the package that it pays for. A mapping is final: people hold packages by it. Subscriptions
 * that are known already are brought in line in the background.
 *
 * @throws PriceNotFoundError, PackageNotFoundError, and PriceMappedError if it is mapped to another package
 */
export async function mapPrice(
  prisma: PrismaClient,
  author: Author,
  priceId: string,
  packageId: string,
): Promise<void> {
  const { environmentId } = author;
  await prisma.$transaction(async (tx) => {
    await holdPackage(tx, environmentId, packageId);
    const { count } = await tx.stripePrice.updateMany({
      where: { environmentId, id: priceId, packageId: null },
      data: { packageId, mappedAt: new Date() },
    });
    if (count === 0) return refuseUnless(packageId, await findMapping(tx, environmentId, priceId), priceId);
    await note(tx, author, { action: 'mapPrice', type: 'BILLING', id: priceId }, { packageId });
    await enqueueProjection(tx, environmentId, priceId);
  });
}

const findMapping = (tx: Pick<PrismaClient, 'stripePrice'>, environmentId: string, id: string) =>
  tx.stripePrice.findUnique({
    where: { environmentId_id: { environmentId, id } },
    select: { packageId: true },
  });

/** Mapping it again to the same package changes nothing. */
function refuseUnless(packageId: string, known: { packageId: string | null } | null, priceId: string): void {
  if (known === null) throw priceNotFoundAtStripe(priceId);
  if (known.packageId === packageId) return;
  throw new DomainError(
    'CONFLICT',
    'PriceMappedError',
    `The price "${priceId}" is mapped to the package "${known.packageId}", and a mapping is final: make a new price at Stripe.`,
  );
}
