import type Stripe from 'stripe';
import { z } from 'zod';
import { note } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Encryption } from '../auth/secrets/encryption.ts';
import type { StripeKeys } from '../config/config.ts';
import type { Db } from '../database/client.ts';
import type { PrismaClient, StripeConnection } from '../database/generated/client.ts';
import { DomainError, invalidInput } from '../errors.ts';
import { begin } from './import-start.ts';
import { leaveAccount, startOver } from './leave.ts';
import { noProblem } from './problem.ts';
import { enqueueCustomers } from './queue.ts';
import { findFlagged } from './store.ts';
import { isForbidden, isUnknownKey, notConnected, openStripe, type StripeAddress } from './stripe.ts';

/** How an environment is connected with Stripe. */
export const ConnectStripe = z.object({
  secretKey: z
    .string()
    .max(255)
    .regex(
      /^(sk|rk)_(test|live)_\w+$/,
      'must be a secret or restricted key of Stripe, such as sk_test_… or rk_live_…',
    ),
  webhookSecret: z
    .string()
    .max(255)
    .regex(/^whsec_\S+$/, 'must be the signing secret of the endpoint, such as whsec_…'),
  withholdAccessWhilePaused: z.boolean().nullish(),
});
export type ConnectStripe = z.output<typeof ConnectStripe>;

/** An open connection to the account of an environment. */
export interface Connected {
  environmentId: string;
  accountId: string;
  withholdsPaused: boolean;
  /** The key as it is stored, to know whether it was replaced. */
  sealedKey: string;
  /** Until then background work asks nothing; see problem.ts. */
  asksAgainAt: Date | null;
  stripe: Stripe;
}

/** Opens the connections of environments, one library object for each key. */
export type OpenConnection = (environmentId: string) => Promise<Connected | null>;

/** The open connection of an environment. @throws StripeNotConnectedError if there is none */
export async function requireConnected(open: OpenConnection, environmentId: string): Promise<Connected> {
  const connected = await open(environmentId);
  if (connected === null) throw notConnected();
  return connected;
}

/** A row with keys, as each has that is connected. */
type ConnectedRow = StripeConnection & { secretKey: string };

/** The connection of an environment; null before it is connected and once it is disconnected. */
export async function findConnection(db: Db, environmentId: string): Promise<ConnectedRow | null> {
  const row = await db.stripeConnection.findUnique({ where: { environmentId } });
  return row === null || row.secretKey === null ? null : { ...row, secretKey: row.secretKey };
}

const placeOf = (environmentId: string, what: 'key' | 'webhook secret') => `stripe ${what} ${environmentId}`;

export function createConnections(db: Db, encryption: Encryption, address: StripeAddress): OpenConnection {
  const opened = new Map<string, { secretKey: string; stripe: Promise<Stripe> }>();
  return async (environmentId) => {
    const row = await findConnection(db, environmentId);
    if (row === null) return null;
    const known = opened.get(environmentId);
    const current =
      known?.secretKey === row.secretKey
        ? known
        : {
            secretKey: row.secretKey,
            stripe: openStripe(encryption.decrypt(row.secretKey, placeOf(environmentId, 'key')), address),
          };
    opened.set(environmentId, current);
    return {
      environmentId,
      accountId: row.accountId,
      withholdsPaused: row.withholdsPaused,
      sealedKey: row.secretKey,
      asksAgainAt: row.asksAgainAt,
      stripe: await current.stripe,
    };
  };
}

/** Both environments' secrets, to find whose endpoint an event was sent to. */
export async function readWebhookSecrets(
  db: Db,
  encryption: Encryption,
): Promise<{ environmentId: string; accountId: string; secrets: string[] }[]> {
  const rows = await db.stripeConnection.findMany({ where: { disconnectedAt: null } });
  return rows.map(({ environmentId, accountId, webhookSecrets }) => ({
    environmentId,
    accountId,
    secrets: webhookSecrets.map((secret) =>
      encryption.decrypt(secret, placeOf(environmentId, 'webhook secret')),
    ),
  }));
}

/** What a key needs: the permissions of a restricted key, in Stripe's words. */
const rights: [name: string, check: (stripe: Stripe) => Promise<unknown>][] = [
  ['Customers', (stripe) => stripe.customers.list({ limit: 1 })],
  ['Products', (stripe) => stripe.products.list({ limit: 1 })],
  ['Prices', (stripe) => stripe.prices.list({ limit: 1 })],
  ['Subscriptions', (stripe) => stripe.subscriptions.list({ limit: 1 })],
  ['Checkout Sessions', (stripe) => stripe.checkout.sessions.list({ limit: 1 })],
  ['Events', (stripe) => stripe.events.list({ limit: 1 })],
  // Whether a payment was given back is asked of its charge; see readPayments.
  ['PaymentIntents', (stripe) => stripe.paymentIntents.list({ limit: 1 })],
  ['Charges', (stripe) => stripe.charges.list({ limit: 1 })],
];

interface ConnectContext {
  prisma: PrismaClient;
  author: Author;
  encryption: Encryption;
  address: StripeAddress;
  /** The keys that environment variables give, by environment. */
  configured: Readonly<Record<string, StripeKeys>>;
}

/**
 * Connects an environment with an account of Stripe, after asking Stripe whether the key may do what is needed. A second
 * call with another webhook secret keeps the former one too, for a rotation. An account that was disconnected goes on where
 * it was. Another account starts anew; see leaveAccount.
 *
 * @throws ValidationError if Stripe refuses the key, or if the key is of the other mode
 */
export async function connectStripe(
  { prisma, author, encryption, address, configured }: ConnectContext,
  { secretKey, webhookSecret, withholdAccessWhilePaused }: ConnectStripe,
): Promise<void> {
  const { environmentId } = author;
  if (!secretKey.includes(`_${environmentId}_`))
    throw invalidInput(
      'input.secretKey',
      `must be a key of Stripe's ${environmentId} mode in this environment`,
    );
  if ((configured[environmentId]?.secretKey ?? secretKey) !== secretKey)
    throw invalidInput(
      'input.secretKey',
      `must be the one in STRIPE_${environmentId.toUpperCase()}_SECRET_KEY: change it there`,
    );
  const accountId = await checkKey(await openStripe(secretKey, address));
  const encrypted = encryption.encrypt(secretKey, placeOf(environmentId, 'key'));
  await prisma.$transaction(async (tx) => {
    const before = await lockConnection(tx, environmentId);
    const former = before?.accountId === accountId ? before : null;
    if (before !== null && former === null) await leaveAccount(tx, author, before);
    const place = placeOf(environmentId, 'webhook secret');
    const isOther = (secret: string) => encryption.decrypt(secret, place) !== webhookSecret;
    const others = (former?.webhookSecrets ?? []).filter(isOther);
    const webhookSecrets = [encryption.encrypt(webhookSecret, place), ...others].slice(0, 2);
    const withholdsPaused = withholdAccessWhilePaused ?? before?.withholdsPaused ?? false;
    const keys = { accountId, secretKey: encrypted, webhookSecrets };
    const data = { ...keys, withholdsPaused, disconnectedAt: null, ...noProblem() };
    await tx.stripeConnection.upsert({
      where: { environmentId },
      create: { environmentId, ...data, eventsUntil: new Date() },
      update: former === null ? { ...data, ...startOver() } : data,
    });
    if (former !== null) await goOn(tx, former, withholdsPaused);
    const what = { action: 'connectStripe', type: 'BILLING', id: accountId } as const;
    await note(tx, author, what, { withholdAccessWhilePaused: withholdsPaused });
  });
}

/** What a connection that was known before has to catch up with. */
async function goOn(tx: Db, former: StripeConnection, withholdsPaused: boolean): Promise<void> {
  const { environmentId } = former;
  if (former.disconnectedAt !== null) {
    await tx.stripeConnection.update({ where: { environmentId }, data: { connectedAt: new Date() } });
    // What happened at Stripe meanwhile is read, unless nothing was ever imported.
    if (former.importStartedAt !== null) await begin(tx, environmentId);
  }
  // What this setting is about is projected anew.
  if (former.withholdsPaused !== withholdsPaused)
    await enqueueCustomers(tx, environmentId, await findFlagged(tx, environmentId, 'COLLECTION_PAUSED'));
}

/**
 * Connects the environment with the keys that environment variables give it, unless it is so already. They are asked for
 * every minute: Stripe may not be reached at first.
 */
export async function connectConfigured(context: ConnectContext): Promise<void> {
  const { prisma, encryption, author, configured } = context;
  const { environmentId } = author;
  const keys = configured[environmentId];
  if (keys === undefined) return;
  const row = await findConnection(prisma, environmentId);
  const isKnown = (stored: string, what: 'key' | 'webhook secret', given: string) =>
    encryption.decrypt(stored, placeOf(environmentId, what)) === given;
  const isConnected =
    row !== null &&
    isKnown(row.secretKey, 'key', keys.secretKey) &&
    row.webhookSecrets.some((secret) => isKnown(secret, 'webhook secret', keys.webhookSecret));
  if (!isConnected) await connectStripe(context, keys);
}

/**
 * Nobody else changes the connection until the transaction ends, or stores what its account says: see requireAccount and
 * saveAnswer.
 */
export async function lockConnection(tx: Db, environmentId: string): Promise<StripeConnection | null> {
  await tx.$queryRaw`SELECT 1 FROM environment WHERE id = ${environmentId} FOR NO KEY UPDATE`;
  await tx.$queryRaw`SELECT 1 FROM stripe_connection WHERE environment_id = ${environmentId} FOR NO KEY UPDATE`;
  return tx.stripeConnection.findUnique({ where: { environmentId } });
}

/** Asks Stripe for the account of a key, and for every right that is needed. */
async function checkKey(stripe: Stripe): Promise<string> {
  const field = 'input.secretKey';
  const missing: string[] = [];
  for (const [name, check] of rights) {
    try {
      await check(stripe);
    } catch (error) {
      if (isUnknownKey(error)) throw invalidInput(field, 'is not a valid key: Stripe does not know it');
      if (!isForbidden(error)) throw unreachable();
      missing.push(name);
    }
  }
  if (missing.length > 0)
    throw invalidInput(field, `may not read ${missing.join(', ')}: give it these rights at Stripe`);
  try {
    return (await stripe.accounts.retrieveCurrent()).id;
  } catch (error) {
    if (isForbidden(error))
      throw invalidInput(field, 'may not read the account: give it the right "Account, read"');
    throw unreachable();
  }
}

const unreachable = () =>
  new DomainError(
    'BAD_USER_INPUT',
    'StripeUnreachableError',
    'Stripe could not be reached. Nothing was changed; try again.',
  );
