import type Stripe from 'stripe';
import type { CustomerFacts } from './match-rules.ts';
import { type Mirror, mirrorPayment, mirrorSubscription } from './mirror-rules.ts';
import { isMissing } from './stripe.ts';

/** Link and metadata name of the user's id at Stripe. */
export const ownIdName = 'kana_user_id';

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
  const [customer, purchases] = await Promise.all([reading, readPurchases(stripe, customerId)]);
  return customer === null ? null : answerOf(customer, purchases);
}

/** Reads what a customer bought whom Stripe has just listed. */
export const readListed = async (stripe: Stripe, customer: Stripe.Customer): Promise<CustomerRead> =>
  answerOf(customer, await readPurchases(stripe, customer.id));

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
    const items = await readAll(subscription.items, () =>
      stripe.subscriptionItems.list({ subscription: subscription.id, limit: 100 }),
    );
    subscriptions.push(mirrorSubscription({ ...subscription, items: { data: items } }));
    ownIds.push(subscription.metadata[ownIdName]);
  }
  return { subscriptions, ownIds };
}

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
  const named = [customer.metadata?.[ownIdName], ...ownIds];
  const facts: CustomerFacts = {
    id: customer.id,
    email: customer.email ?? null,
    name: customer.name ?? null,
    ownIds: named.filter((id): id is string => id !== undefined && id !== ''),
  };
  return { facts, mirror };
}

function isRefunded({ payment_intent: intent }: Stripe.Checkout.Session): boolean {
  if (intent === null || typeof intent === 'string') return false;
  const charge = intent.latest_charge;
  return charge !== null && typeof charge !== 'string' && charge.refunded;
}
