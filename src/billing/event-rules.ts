import type Stripe from 'stripe';

/** What an event of Stripe's makes necessary. */
export type Consequence =
  /** Urgent: somebody has just paid, and waits. */
  { kind: 'customer'; customerId: string; isUrgent: boolean } | { kind: 'prices' } | { kind: 'nothing' };

const aboutCustomers =
  /^(customer\.(created|updated|deleted|subscription\..+)|checkout\.session\..+|charge\.refunded)$/;
const aboutPrices = /^(price|product)\.(created|updated|deleted)$/;

/** The kinds of events that an endpoint at Stripe has to send, as docs/guides/stripe.md lists them. */
export const eventTypes = [
  'checkout.session.completed',
  'checkout.session.async_payment_succeeded',
  'checkout.session.async_payment_failed',
  'checkout.session.expired',
  'charge.refunded',
  'customer.created',
  'customer.updated',
  'customer.deleted',
  'customer.subscription.created',
  'customer.subscription.updated',
  'customer.subscription.deleted',
  'customer.subscription.paused',
  'customer.subscription.resumed',
  'customer.subscription.pending_update_applied',
  'customer.subscription.pending_update_expired',
  'customer.subscription.trial_will_end',
  'price.created',
  'price.updated',
  'price.deleted',
  'product.created',
  'product.updated',
  'product.deleted',
] as const;

/**
 * An event only says whom to ask about: its body may be old, and of another version of Stripe's API. So the customer, or
 * the prices, are read anew.
 */
export function consequenceOf({ type, data }: Pick<Stripe.Event, 'type' | 'data'>): Consequence {
  if (aboutPrices.test(type)) return { kind: 'prices' };
  if (!aboutCustomers.test(type)) return { kind: 'nothing' };
  const customerId = customerOf(data.object as { object?: string; id?: string; customer?: unknown });
  const isUrgent = type.startsWith('checkout.session.');
  return customerId === null ? { kind: 'nothing' } : { kind: 'customer', customerId, isUrgent };
}

function customerOf({
  object,
  id,
  customer,
}: {
  object?: string;
  id?: string;
  customer?: unknown;
}): string | null {
  if (object === 'customer') return id ?? null;
  if (typeof customer === 'string') return customer;
  const whole = customer as { id?: unknown } | null | undefined;
  return typeof whole?.id === 'string' ? whole.id : null;
}
