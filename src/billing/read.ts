import type Stripe from 'stripe';
import { type CustomerFacts, factsOf } from './match-rules.ts';
import { type Mirror, mirrorPayment, mirrorSubscription } from './mirror-rules.ts';
import { instantOf } from './said-rules.ts';
import { isMissing } from './stripe.ts';

/** Link and metadata name of the user's id at Stripe. */
export const ownIdName = 'kana_user_id';

/** The customer after whom a page of Stripe's list begins. */
export interface Cursor {
  id: string;
  /** Null where it was stored by an earlier version. */
  createdAt: Date | null;
}

export const cursorOf = ({ id, created }: Stripe.Customer): Cursor => ({
  id,
  createdAt: instantOf(created),
});

export const pageSize = 100;

export type CustomerPage = Pick<Stripe.ApiList<Stripe.Customer>, 'data' | 'has_more'>;

/**
 * The next customers, newest first. After one who was deleted at Stripe meanwhile, those follow who were created then or
 * before: some of the same second may come again.
 */
export async function listCustomers(stripe: Stripe, cursor: Cursor | null): Promise<CustomerPage> {
  const limit = pageSize;
  if (cursor === null) return stripe.customers.list({ limit });
  try {
    return await stripe.customers.list({ limit, starting_after: cursor.id });
  } catch (error) {
    if (!isMissing(error) || cursor.createdAt === null) throw error;
    return stripe.customers.list({ limit, created: { lte: Math.floor(cursor.createdAt.getTime() / 1_000) } });
  }
}

/** What Stripe said of one customer just now. */
export interface CustomerRead {
  /** Null for a deleted customer. */
  facts: CustomerFacts | null;
  mirror: Mirror;
}

/** @returns null if Stripe never had this customer */
export async function readCustomer(stripe: Stripe, customerId: string): Promise<CustomerRead | null> {
  const reading = stripe.customers.retrieve(customerId).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  const [customer, purchases] = await Promise.all([
    reading,
    readPurchases(stripe, customerId).catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    }),
  ]);
  if (customer === null) return null;
  if (purchases !== null) return answerOf(customer, purchases);
  // Deleted between the two questions, or before: then Stripe may not know what was bought.
  const now = customer.deleted ? customer : await stripe.customers.retrieve(customerId);
  const nothing = { mirror: { customerId, subscriptions: [], payments: [] }, ownIds: [] };
  return answerOf(now, now.deleted ? nothing : await readPurchases(stripe, customerId));
}

/** Reads what a customer bought whom Stripe has just listed. Null if the customer was deleted meanwhile. */
export async function readListed(stripe: Stripe, customer: Stripe.Customer): Promise<CustomerRead | null> {
  try {
    return answerOf(customer, await readPurchases(stripe, customer.id));
  } catch (error) {
    if (isMissing(error)) return readCustomer(stripe, customer.id);
    throw error;
  }
}

interface Purchases extends Pick<CustomerRead, 'mirror'> {
  /** The ids of users that our links left there. */
  ownIds: (string | undefined)[];
}

/** What a customer bought. Of a customer whom Stripe does not know: nothing. */
export async function readPurchases(stripe: Stripe, customerId: string): Promise<Purchases> {
  const [bySubscription, bySession] = await Promise.all([
    readSubscriptions(stripe, customerId),
    readPayments(stripe, customerId),
  ]);
  const { subscriptions } = bySubscription;
  const { payments } = bySession;
  return {
    mirror: { customerId, subscriptions, payments },
    ownIds: [...bySubscription.ownIds, ...bySession.ownIds],
  };
}

async function readSubscriptions(stripe: Stripe, customerId: string) {
  const subscriptions: Mirror['subscriptions'] = [];
  const ownIds: (string | undefined)[] = [];
  for await (const subscription of stripe.subscriptions.list({
    customer: customerId,
    status: 'all',
    limit: 100,
  })) {
    const items = await readItems(stripe, subscription);
    subscriptions.push(mirrorSubscription({ ...subscription, items: { data: items } }));
    ownIds.push(subscription.metadata?.[ownIdName]);
  }
  return { subscriptions, ownIds };
}

/** All items of a subscription. */
export const readItems = (stripe: Stripe, { id, items }: Stripe.Subscription) =>
  readAll(items, () => stripe.subscriptionItems.list({ subscription: id, limit: 100 }));

/** A list within an object has only its first entries. The others are read on their own. */
async function readAll<Entry>(
  within: { data: Entry[]; has_more: boolean } | undefined,
  list: () => AsyncIterable<Entry>,
): Promise<Entry[]> {
  if (!within?.has_more) return within?.data ?? [];
  const entries: Entry[] = [];
  for await (const entry of list()) entries.push(entry);
  return entries;
}

async function readPayments(stripe: Stripe, customerId: string) {
  const payments: Mirror['payments'] = [];
  const ownIds: (string | undefined)[] = [];
  const sessions = stripe.checkout.sessions.list({
    ...{ customer: customerId, status: 'complete', limit: 100 },
    expand: ['data.line_items', 'data.payment_intent.latest_charge'],
  } as const);
  for await (const session of sessions) {
    const lines = await readAll(session.line_items, () =>
      stripe.checkout.sessions.listLineItems(session.id, { limit: 100 }),
    );
    const payment = mirrorPayment(session, lines, isRefunded(session));
    if (payment !== null) payments.push(payment);
    ownIds.push(session.metadata?.[ownIdName]);
  }
  return { payments, ownIds };
}

function answerOf(
  customer: Stripe.Customer | Stripe.DeletedCustomer,
  { mirror, ownIds }: Purchases,
): CustomerRead {
  if (customer.deleted) return { facts: null, mirror };
  return { facts: factsOf(customer, [customer.metadata?.[ownIdName], ...ownIds]), mirror };
}

function isRefunded({ payment_intent: intent }: Stripe.Checkout.Session): boolean {
  if (!intent || typeof intent === 'string') return false;
  const charge = intent.latest_charge;
  return charge != null && typeof charge !== 'string' && charge.refunded;
}
