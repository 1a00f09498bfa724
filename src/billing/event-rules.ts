import { z } from 'zod';
import { Id } from '../input.ts';

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

/** What is read of an event. Its object may be anything: it only says whom to ask about. */
const ReceivedEvent = z.object({
  id: Id,
  type: Id,
  /** In seconds, of a date that PostgreSQL has. */
  created: z.int().min(0).max(253_402_300_799),
  livemode: z.boolean(),
  account: Id.nullish(),
  data: z.object({ object: z.record(z.string(), z.unknown()).catch({}) }).catch({ object: {} }),
});
export type ReceivedEvent = z.output<typeof ReceivedEvent>;

/** The event in a signed body; null if it is none. */
export const readEvent = (body: unknown): ReceivedEvent | null => ReceivedEvent.safeParse(body).data ?? null;

/**
 * An event only says whom to ask about: its body may be old, and of another version of Stripe's API. So the customer, or
 * the prices, are read anew.
 */
export function consequenceOf({ type, data }: { type: string; data: { object: object } }): Consequence {
  if (aboutPrices.test(type)) return { kind: 'prices' };
  if (!aboutCustomers.test(type)) return { kind: 'nothing' };
  const customerId = customerOf(data.object);
  const isUrgent = type.startsWith('checkout.session.');
  return customerId === null ? { kind: 'nothing' } : { kind: 'customer', customerId, isUrgent };
}

function customerOf({
  object,
  id,
  customer,
}: {
  object?: unknown;
  id?: unknown;
  customer?: unknown;
}): string | null {
  const whole = customer as { id?: unknown } | null | undefined;
  const found = object === 'customer' ? id : (whole?.id ?? customer);
  return Id.safeParse(found).data ?? null;
}
