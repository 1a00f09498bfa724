import type Stripe from 'stripe';
import { note } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import type { Db } from '../../database/client.ts';
import { isForeignKeyViolation, isUniqueViolation } from '../../database/errors.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { DomainError, featureNotFound, invalidInput } from '../../errors.ts';
import { requireFeature } from '../../features/store.ts';
import { holdPackage, requirePackage } from '../../packages/store.ts';
import { type OpenConnection, requireConnected } from '../connection.ts';
import { atStripe } from '../stripe.ts';
import type { NewMeter } from './rules.ts';
import { forgetMeterWindows, retryFailed } from './sending-store.ts';

const meterNotFound = ({ packageId, featureId }: MeterId) =>
  new DomainError(
    'NOT_FOUND',
    'BillingMeterNotFoundError',
    `The package "${packageId}" has no meter for the feature "${featureId}".`,
  );

const meterError = (message: string) => new DomainError('BAD_USER_INPUT', 'BillingMeterError', message);

/** A meter belongs to a feature of a package. */
export interface MeterId {
  packageId: string;
  featureId: string;
}

/**
 * Names the meter at Stripe that usage of a feature is sent to, of those who pay for the package there. Usage that is
 * recorded from now on counts.
 *
 * @throws StripeNotConnectedError, PackageNotFoundError, FeatureNotFoundError, BillingMeterAlreadyExistsError, and
 * ValidationError for what Stripe cannot add up
 */
export async function createMeter(
  prisma: PrismaClient,
  open: OpenConnection,
  author: Author,
  { packageId, featureId, eventName, sends }: NewMeter,
): Promise<void> {
  const { environmentId } = author;
  const connected = await requireConnected(open, environmentId);
  await requirePackage(prisma, environmentId, packageId);
  const { type, precision } = await requireFeature(prisma, environmentId, featureId);
  if (type !== 'CONSUMABLE') throw invalidInput('input.featureId', 'must be a CONSUMABLE feature');
  if (precision > 0)
    throw invalidInput('input.featureId', 'must count whole numbers: meters at Stripe take no others');
  if ((await prisma.packageFeature.count({ where: { environmentId, packageId, featureId } })) === 0)
    throw invalidInput('input.featureId', `is no feature of the package "${packageId}"`);
  const meter = await atStripe(() => findMeter(connected.stripe, eventName), meterError);
  if (meter === null)
    throw invalidInput('input.eventName', 'is the event name of no active meter at Stripe: create it there');
  if (meter.default_aggregation.formula !== 'sum')
    throw invalidInput('input.eventName', 'names a meter that does not add up: its aggregation must be sum');
  try {
    await prisma.$transaction(async (tx) => {
      await lockLedgerCursor(tx, environmentId);
      await holdPackage(tx, environmentId, packageId);
      const sinceId = await lastLedgerId(tx);
      await forgetMeterWindows(tx, environmentId, { packageId, featureId });
      await startAt(tx, environmentId, sinceId);
      const keys = {
        customerKey: meter.customer_mapping.event_payload_key,
        valueKey: meter.value_settings.event_payload_key,
      };
      await tx.billingMeter.create({
        data: { environmentId, packageId, featureId, eventName, scope: sends, sinceId, ...keys },
      });
      const what = { action: 'createBillingMeter', type: 'BILLING', id: packageId } as const;
      await note(tx, author, what, { featureId, eventName, sends });
    });
  } catch (error) {
    if (isForeignKeyViolation(error)) throw featureNotFound(featureId);
    if (!isUniqueViolation(error)) throw error;
    throw new DomainError(
      'CONFLICT',
      'BillingMeterAlreadyExistsError',
      `The package "${packageId}" has a meter for the feature "${featureId}" already: delete it first.`,
    );
  }
}

async function findMeter(stripe: Stripe, eventName: string): Promise<Stripe.Billing.Meter | null> {
  for await (const meter of stripe.billing.meters.list({ status: 'active', limit: 100 }))
    if (meter.event_name === eventName) return meter;
  return null;
}

/** Until the transaction ends, nothing of the ledger is looked at for meters of the environment. */
const lockLedgerCursor = (tx: Db, environmentId: string) =>
  tx.$queryRaw`SELECT 1 FROM stripe_connection WHERE environment_id = ${environmentId} FOR NO KEY UPDATE`;

async function lastLedgerId(db: Db): Promise<bigint> {
  const [row] = await db.$queryRaw<[{ last: bigint }]>`
    SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END AS last FROM usage_event_id_seq`;
  return row.last;
}

/** With the first meter of an environment, what was recorded before need not be looked at. */
async function startAt(tx: Db, environmentId: string, id: bigint): Promise<void> {
  if ((await tx.billingMeter.count({ where: { environmentId } })) > 0) return;
  await tx.stripeConnection.updateMany({
    where: { environmentId, meteredTo: { lt: id } },
    data: { meteredTo: id },
  });
}

/** Ends sending. What was not sent yet is not sent. @throws BillingMeterNotFoundError */
export async function deleteMeter(prisma: PrismaClient, author: Author, id: MeterId): Promise<void> {
  const { environmentId } = author;
  const where = { environmentId, packageId: id.packageId, featureId: id.featureId };
  await prisma.$transaction(async (tx) => {
    await lockLedgerCursor(tx, environmentId);
    const { count } = await tx.billingMeter.deleteMany({ where });
    if (count === 0) throw meterNotFound(id);
    await tx.billingMeterEvent.deleteMany({ where: { ...where, state: { not: 'SENT' } } });
    const what = { action: 'deleteBillingMeter', type: 'BILLING', id: id.packageId } as const;
    await note(tx, author, what, { featureId: id.featureId });
  });
}

/** Sends again what failed. @throws BillingMeterNotFoundError */
export async function retryMeter(prisma: PrismaClient, author: Author, id: MeterId): Promise<number> {
  const { environmentId } = author;
  const { packageId, featureId } = id;
  return prisma.$transaction(async (tx) => {
    if ((await tx.billingMeter.count({ where: { environmentId, packageId, featureId } })) === 0)
      throw meterNotFound(id);
    const count = await retryFailed(tx, environmentId, id);
    const what = { action: 'retryBillingMeter', type: 'BILLING', id: packageId } as const;
    await note(tx, author, what, { featureId, events: count });
    return count;
  });
}
