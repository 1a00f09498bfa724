import type { Db } from '../database/client.ts';
import type { Prisma } from '../database/generated/client.ts';
import { heldStatuses } from '../subscriptions/status-rules.ts';
import { eventCtes } from '../webhooks/outbox/store.ts';
import type { Candidate, Candidates, CustomerFacts } from './match-rules.ts';
import { type Mirror, StoredMirror } from './mirror-rules.ts';
import type { Flag, Stored } from './projection-rules.ts';

/** The number of the next question to Stripe: of two answers, the one with the larger number is kept. */
export async function nextReadNumber(db: Db): Promise<bigint> {
  const [row] = await db.$queryRaw<[{ number: bigint }]>`SELECT nextval('stripe_read_number') AS number`;
  return row.number;
}

/** What is kept of an answer of Stripe's. */
export interface Answer extends Mirror {
  environmentId: string;
  /** Who said it. */
  accountId: string;
  readNumber: bigint;
  isDeleted: boolean;
}

/** A customer as it is stored. */
export interface KnownCustomer {
  /** The user, or the survivor of a merge. */
  userKey: bigint | null;
  /** The user was deleted here. */
  isForgotten: boolean;
  /** Since when the user is to be looked for again; null: there is no doubt. */
  doubtedAt: string | null;
}

/**
 * Stores what Stripe said of a customer. Returns the customer; null if a later answer is stored already, or if the
 * environment is no longer connected with that account.
 */
export async function saveAnswer(db: Db, answer: Answer): Promise<KnownCustomer | null> {
  const { environmentId, accountId, customerId, readNumber, isDeleted, subscriptions, payments } = answer;
  const [row] = await db.$queryRaw<KnownCustomer[]>`
    INSERT INTO stripe_customer AS known
      (environment_id, id, read_number, is_deleted, subscriptions, payments, read_at)
    SELECT environment_id, ${customerId}, ${readNumber}::bigint, ${isDeleted}::boolean, ${JSON.stringify(subscriptions)}::jsonb,
      ${JSON.stringify(payments)}::jsonb, now()
    FROM (
      SELECT environment_id FROM stripe_connection
      WHERE environment_id = ${environmentId} AND account_id = ${accountId} AND disconnected_at IS NULL FOR SHARE
    ) connected
    ON CONFLICT (environment_id, id) DO UPDATE SET read_number = excluded.read_number,
      is_deleted = excluded.is_deleted, subscriptions = excluded.subscriptions, payments = excluded.payments,
      read_at = excluded.read_at
      WHERE known.read_number < excluded.read_number
    RETURNING is_forgotten AS "isForgotten", doubted_at::text AS "doubtedAt",
      (SELECT coalesce(merged_into, key) FROM "user" WHERE key = known.user_key) AS "userKey"`;
  return row ?? null;
}

/** Attaches a customer to a user, unless it is attached already. Returns the user that it is attached to. */
export async function attachCustomer(
  db: Db,
  environmentId: string,
  customerId: string,
  userKey: bigint,
): Promise<bigint | null> {
  await db.$executeRaw`
    UPDATE stripe_customer SET user_key = ${userKey}
    WHERE environment_id = ${environmentId} AND id = ${customerId} AND NOT is_forgotten
      AND NOT EXISTS (SELECT 1 FROM "user" WHERE key = stripe_customer.user_key)`;
  return findOwner(db, environmentId, customerId);
}

/** The user of a customer, or the survivor of a merge. */
export async function findOwner(db: Db, environmentId: string, customerId: string): Promise<bigint | null> {
  const [row] = await db.$queryRaw<{ user_key: bigint }[]>`
    SELECT coalesce(u.merged_into, u.key) AS user_key
    FROM stripe_customer c JOIN "user" u ON u.key = c.user_key
    WHERE c.environment_id = ${environmentId} AND c.id = ${customerId}`;
  return row?.user_key ?? null;
}

/** Who a customer may be; see matchCustomer. */
export async function findCandidates(
  db: Db,
  environmentId: string,
  { id, email, ownIds }: CustomerFacts,
): Promise<Candidates> {
  const spare = [id, ...(email === null ? [] : [email.trim()])];
  const rows = await db.$queryRaw<({ by: keyof Candidates; foundId: string } & Candidate)[]>`
    SELECT found.by, found.id AS "foundId", u.key, u.id, u.name, u.email, u.billing_id AS "billingId", u.imported
    FROM (
      SELECT 'byOwnId' AS by, id, coalesce(merged_into, key) AS key FROM "user"
      WHERE environment_id = ${environmentId} AND id = ANY (${[...ownIds]}::text[])
      UNION ALL
      (SELECT 'byBillingId', id, key FROM "user"
      WHERE environment_id = ${environmentId} AND billing_id IS NOT NULL AND billing_id = ${id} AND merged_into IS NULL
      ORDER BY key LIMIT 10)
      UNION ALL
      (SELECT 'byEmail', id, key FROM "user"
      WHERE environment_id = ${environmentId} AND email IS NOT NULL AND merged_into IS NULL
        AND kana_email_key(email) = kana_email_key(${email}::text) ORDER BY key LIMIT 10)
      UNION ALL
      SELECT 'takenIds', id, key FROM "user" WHERE environment_id = ${environmentId} AND id = ANY (${spare}::text[])
    ) found JOIN "user" u ON u.key = found.key
    ORDER BY u.key`;
  const foundBy = (by: keyof Candidates) => rows.filter((row) => row.by === by);
  return {
    byOwnId: foundBy('byOwnId'),
    byBillingId: foundBy('byBillingId'),
    byEmail: foundBy('byEmail'),
    takenIds: new Set(foundBy('takenIds').map((row) => row.foundId)),
  };
}

/** What Stripe said of a customer, with the flags that were made of it. */
export interface FlaggedMirror extends Mirror {
  flags: Flag[];
}

/** What Stripe said of all customers of a user, in the order of their ids. */
export async function readMirrors(db: Db, userKey: bigint): Promise<FlaggedMirror[]> {
  const rows = await db.$queryRaw<
    { id: string; subscriptions: unknown; payments: unknown; flags: unknown }[]
  >`
    SELECT c.id, c.subscriptions, c.payments, c.flags FROM stripe_customer c
    WHERE c.user_key IN (SELECT key FROM "user" WHERE key = ${userKey} OR merged_into = ${userKey})
    ORDER BY c.id`;
  return rows.map(({ id, flags, ...stored }) => ({
    customerId: id,
    flags: flags as Flag[],
    ...StoredMirror.parse(stored),
  }));
}

export const provider = 'STRIPE';

/** The subscriptions of a user that Stripe decides on. */
export async function readStored(tx: Db, userKey: bigint): Promise<Stored[]> {
  const rows = await tx.subscription.findMany({ where: { userKey, provider }, orderBy: { id: 'asc' } });
  return rows.map((row) => ({
    id: row.id,
    packageId: row.packageId,
    isAddon: row.isAddon,
    itemId: row.providerItemId ?? '',
    providerSubscriptionId: row.providerSubscriptionId,
    providerStatus: row.providerStatus ?? '',
    status: row.status as Stored['status'],
    startedAt: row.startedAt,
    endedAt: row.endedAt,
    cancelsAt: row.providerCancelsAt,
    trialEnd: row.trialEnd,
  }));
}

const stateOf = (row: Omit<Stored, 'id'>) => ({
  status: row.status,
  endedAt: row.endedAt,
  trialEnd: row.trialEnd,
  providerStatus: row.providerStatus,
  providerCancelsAt: row.cancelsAt,
});

export async function updateStored(tx: Db, userKey: bigint, row: Stored): Promise<void> {
  await tx.subscription.update({ where: { userKey_id: { userKey, id: row.id } }, data: stateOf(row) });
}

/** Starts subscriptions to the current versions of their packages. Returns their ids. */
export async function insertStored(
  tx: Db,
  environmentId: string,
  userKey: bigint,
  rows: readonly Omit<Stored, 'id'>[],
): Promise<bigint[]> {
  if (rows.length === 0) return [];
  const made = await tx.$queryRaw<{ id: bigint }[]>`
    INSERT INTO subscription (environment_id, user_key, package_id, package_version, is_addon, started_at, status,
      ended_at, trial_end, provider, provider_subscription_id, provider_item_id, provider_status, provider_cancels_at)
    SELECT k.environment_id, ${userKey}, k.id, k.version, k.is_addon, r.started_at, r.status::"SubscriptionStatus",
      r.ended_at, r.trial_end, ${provider}, r.subscription_id, r.item_id, r.provider_status, r.cancels_at
    FROM unnest(
      ${rows.map((row) => row.packageId)}::text[], ${rows.map((row) => row.startedAt)}::timestamptz[],
      ${rows.map((row) => row.status)}::text[], ${rows.map((row) => row.endedAt)}::timestamptz[],
      ${rows.map((row) => row.trialEnd)}::timestamptz[], ${rows.map((row) => row.providerSubscriptionId)}::text[],
      ${rows.map((row) => row.itemId)}::text[], ${rows.map((row) => row.providerStatus)}::text[],
      ${rows.map((row) => row.cancelsAt)}::timestamptz[]
    ) WITH ORDINALITY r(package_id, started_at, status, ended_at, trial_end, subscription_id, item_id, provider_status,
      cancels_at, ord)
    JOIN package k ON k.environment_id = ${environmentId} AND k.id = r.package_id
    ORDER BY r.ord
    RETURNING id`;
  return made.map(({ id }) => id);
}

/** Writes the flags of these customers, and when one first had any. */
export async function saveFlags(
  tx: Db,
  environmentId: string,
  customerIds: readonly string[],
  flags: readonly Flag[],
): Promise<void> {
  for (const customerId of customerIds) {
    const own = JSON.stringify(flags.filter((flag) => flag.customerId === customerId));
    await tx.$queryRawUnsafe(saveFlagsSql, environmentId, customerId, own);
  }
}

/* Webhooks are told of the flags that the customer did not have before. */
const saveFlagsSql = `
  with changed as (
    update stripe_customer c set flags = $3::jsonb,
      flagged_at = case when $3::jsonb = '[]'::jsonb then null else coalesce(c.flagged_at, now()) end
    from stripe_customer before
    where before.environment_id = c.environment_id and before.id = c.id
      and c.environment_id = $1 and c.id = $2 and c.flags <> $3::jsonb
    returning c.user_key, before.flags
  ), raised as (
    select $1::text as environment_id, 'flag.raised' as type, f.ord,
      jsonb_build_object('flag', 'BILLING', 'billingFlag', f.flag -> 'kind', 'customerId', $2::text)
        || coalesce((
          select jsonb_build_object('userIds', jsonb_build_array(coalesce(survivor.id, u.id)))
          from "user" u left join "user" survivor on survivor.key = u.merged_into where u.key = changed.user_key
        ), '{}') as data
    from changed, jsonb_array_elements($3::jsonb) with ordinality as f(flag, ord)
    where not changed.flags @> jsonb_build_array(f.flag)
  ), ${eventCtes('raised')}
  select count(*)::integer from delivered`;

/**
 * Owners of flagged customers whose flags may be settled by a change here: what was subscribed by hand has ended within the
 * hour, or no package is a draft any longer.
 */
export async function findSettledOwners(db: Db, environmentId: string, take: number): Promise<bigint[]> {
  const rows = await db.$queryRaw<{ owner: bigint }[]>`
    SELECT DISTINCT coalesce(u.merged_into, u.key) AS owner
    FROM stripe_customer c JOIN "user" u ON u.key = c.user_key
    WHERE c.environment_id = ${environmentId} AND c.flagged_at IS NOT NULL AND (
      c.flags @> '[{"kind": "SUBSCRIBED_BY_HAND"}]' AND EXISTS (
        SELECT FROM subscription s WHERE s.user_key = coalesce(u.merged_into, u.key) AND s.provider IS NULL
          AND s.ended_at BETWEEN now() - interval '1 hour' AND now())
      OR c.flags @> '[{"kind": "DRAFT_PACKAGE"}]' AND NOT EXISTS (
        SELECT FROM (
          SELECT jsonb_path_query(c.subscriptions, '$[*].items[*].priceId') #>> '{}' AS id
          UNION ALL SELECT jsonb_path_query(c.payments, '$[*].priceIds[*]') #>> '{}'
        ) price
        JOIN stripe_price p ON p.environment_id = c.environment_id AND p.id = price.id
        JOIN package k ON k.environment_id = p.environment_id AND k.id = p.package_id
        WHERE k.status = 'DRAFT'))
    LIMIT ${take}`;
  return rows.map(({ owner }) => owner);
}

/** The customers with a flag of this kind. */
export async function findFlagged(db: Db, environmentId: string, kind: Flag['kind']): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM stripe_customer
    WHERE environment_id = ${environmentId} AND flagged_at IS NOT NULL
      AND flags @> ${JSON.stringify([{ kind }])}::jsonb`;
  return rows.map(({ id }) => id);
}

/** Notes the id of an event. Returns false if it was noted before. */
export async function noteEvent(
  db: Db,
  environmentId: string,
  { id, type, createdAt }: { id: string; type: string; createdAt: Date },
): Promise<boolean> {
  const { count } = await db.stripeEvent.createMany({
    data: [{ environmentId, id, type, createdAt }],
    skipDuplicates: true,
  });
  return count > 0;
}

/** The subscription to a package by a subscription at Stripe; null if it is not held. */
export async function findHeldAtStripe(
  db: Db,
  userKey: bigint,
  { subscriptionId, packageId }: { subscriptionId: string; packageId: string },
): Promise<bigint | null> {
  const row = await db.subscription.findFirst({
    where: {
      ...{ userKey, packageId, providerSubscriptionId: subscriptionId },
      status: { in: [...heldStatuses] },
    },
    select: { id: true },
  });
  return row?.id ?? null;
}

/** Customers of a deleted user are never attached to anybody again. */
export async function forgetCustomers(tx: Db, userKeys: readonly bigint[]): Promise<void> {
  await tx.stripeCustomer.updateMany({
    where: { userKey: { in: [...userKeys] } },
    data: {
      isForgotten: true,
      userKey: null,
      flags: [] as Prisma.InputJsonArray,
      flaggedAt: null,
    },
  });
}
