import type Stripe from 'stripe';
import { z } from 'zod';
import { instantOf } from './said-rules.ts';

/*
 * What is kept of Stripe's objects: what decides on packages, and nothing about a person.
 */

const Instant = z.coerce.date();

/** An item of a subscription at Stripe. */
const MirroredItem = z.object({
  id: z.string(),
  priceId: z.string(),
  createdAt: Instant,
  quantity: z.number(),
  /** The end of the period that is paid, or to be paid. Missing in what earlier versions stored. */
  periodEndsAt: Instant.nullish(),
});

const MirroredSubscription = z.object({
  id: z.string(),
  /** In Stripe's words. */
  status: z.string(),
  startedAt: Instant,
  endedAt: Instant.nullable(),
  /** When Stripe will cancel it; null if that is not planned. */
  cancelsAt: Instant.nullable(),
  trialEnd: Instant.nullable(),
  /** Whether Stripe collects no payments for it at the moment. */
  isCollectionPaused: z.boolean(),
  items: z.array(MirroredItem),
});
export type MirroredSubscription = z.output<typeof MirroredSubscription>;

/** A checkout session without a subscription that was paid. */
const MirroredPayment = z.object({
  id: z.string(),
  priceIds: z.array(z.string()),
  paidAt: Instant,
  isRefunded: z.boolean(),
});
export type MirroredPayment = z.output<typeof MirroredPayment>;

/** What Stripe said of one customer. */
export interface Mirror {
  customerId: string;
  subscriptions: MirroredSubscription[];
  payments: MirroredPayment[];
}

/** The stored form of a mirror. */
export const StoredMirror = z.object({
  subscriptions: z.array(MirroredSubscription),
  payments: z.array(MirroredPayment),
});

const instantOrNull = (seconds: number | null | undefined) => (seconds ? instantOf(seconds) : null);

/** A subscription at Stripe with all of its items. */
export type WholeSubscription = Omit<Stripe.Subscription, 'items'> & {
  items: { data: Stripe.SubscriptionItem[] };
};

export function mirrorSubscription(given: WholeSubscription): MirroredSubscription {
  return {
    id: given.id,
    status: given.status,
    startedAt: instantOf(given.start_date),
    endedAt: endOf(given),
    cancelsAt: given.ended_at ? null : cancelTimeOf(given),
    trialEnd: instantOrNull(given.trial_end),
    isCollectionPaused: Boolean(given.pause_collection),
    items: given.items.data.flatMap((item) => {
      // One of an earlier kind may have none.
      const price = item.price as typeof item.price | null;
      const { quantity = 1 } = item;
      return price === null
        ? []
        : {
            id: item.id,
            priceId: price.id,
            createdAt: instantOf(item.created),
            quantity: Number.isFinite(quantity) ? quantity : 1,
            periodEndsAt: instantOrNull(item.current_period_end),
          };
    }),
  };
}

/** A subscription that is over has an end, also where Stripe only says when it was cancelled. */
function endOf({ status, ended_at, canceled_at, start_date }: WholeSubscription): Date | null {
  if (status !== 'canceled' && status !== 'incomplete_expired') return null;
  return instantOf(ended_at ?? canceled_at ?? start_date);
}

/** Since items have periods of their own, the subscription ends with the last of them. */
function cancelTimeOf({ cancel_at, cancel_at_period_end, items }: WholeSubscription): Date | null {
  if (cancel_at) return instantOf(cancel_at);
  if (!cancel_at_period_end) return null;
  const ends = items.data.map((item) => item.current_period_end);
  return ends.length === 0 ? null : instantOf(Math.max(...ends));
}

/** A session that sold something once, and is paid; null for every other. */
export function mirrorPayment(
  session: Stripe.Checkout.Session,
  lines: readonly Stripe.LineItem[],
  isRefunded: boolean,
): MirroredPayment | null {
  if (session.mode !== 'payment' || session.status !== 'complete' || session.payment_status === 'unpaid')
    return null;
  const priceIds = lines.flatMap(({ price }) => price?.id ?? []);
  return { id: session.id, priceIds, paidAt: instantOf(session.created), isRefunded };
}
