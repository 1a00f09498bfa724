import type Stripe from 'stripe';
import { subscriptionError } from '../errors.ts';
import type { CarriedUsage, When } from '../subscriptions/change/rules.ts';
import type { Ending } from '../subscriptions/rules.ts';
import type { SubscriptionTerms } from '../subscriptions/status-rules.ts';
import { currenciesOf } from './price-rules.ts';

/** Items of one subscription at Stripe. */
export interface ItemsAtStripe {
  subscriptionId: string;
  itemIds: string[];
}

/** What ends, by who decides on it. */
export interface DividedEndings {
  atStripe: ItemsAtStripe[];
  here: Ending[];
}

/** Divides what is to end into what Stripe decides on, by its subscriptions there, and what is decided here. */
export function divide(endings: readonly Ending[], held: readonly SubscriptionTerms[]): DividedEndings {
  const atStripe = new Map<string, string[]>();
  const here: Ending[] = [];
  for (const ending of endings) {
    const { providerSubscriptionId, providerItemId } = held.find(({ id }) => id === ending.id) ?? {};
    if (providerSubscriptionId && providerItemId)
      atStripe.set(providerSubscriptionId, [...(atStripe.get(providerSubscriptionId) ?? []), providerItemId]);
    else here.push(ending);
  }
  return {
    atStripe: [...atStripe].map(([subscriptionId, itemIds]) => ({ subscriptionId, itemIds })),
    here,
  };
}

/** A change of one subscription at Stripe. */
export type ChangeAtStripe =
  | { kind: 'cancel'; subscriptionId: string }
  | { kind: 'update'; subscriptionId: string; params: Stripe.SubscriptionUpdateParams };

/** What the rules need of a subscription at Stripe, as Stripe says it now. */
export type SubscriptionNow = Pick<
  Stripe.Subscription,
  'id' | 'status' | 'currency' | 'cancel_at' | 'cancel_at_period_end'
> & { items: { data: { id: string; quantity?: number | undefined; price: ItemPrice }[] } };
type ItemPrice = Pick<Stripe.Price, 'id'> & {
  recurring: Pick<Stripe.Price.Recurring, 'interval' | 'interval_count'> | null;
};

const isOver = ({ status }: SubscriptionNow) => status === 'canceled' || status === 'incomplete_expired';

const secondsOf = (at: Date) => Math.ceil(at.getTime() / 1_000);

/**
 * How items of a subscription at Stripe end: all of them by cancelling it, some of them by taking them out. Stripe can end a
 * subscription later only as a whole.
 *
 * @returns null if Stripe has it so already
 * @throws SubscriptionError for some items later
 */
export function endItems(
  subscription: SubscriptionNow,
  itemIds: readonly string[],
  { at, atPeriodEnd }: When,
): ChangeAtStripe | null {
  const { id: subscriptionId } = subscription;
  const ending = subscription.items.data.filter((item) => itemIds.includes(item.id));
  if (isOver(subscription) || ending.length === 0) return null;
  const isWhole = ending.length === subscription.items.data.length;
  const update = (params: Stripe.SubscriptionUpdateParams): ChangeAtStripe => ({
    kind: 'update',
    subscriptionId,
    params,
  });
  if (at === null && !atPeriodEnd) {
    if (isWhole) return { kind: 'cancel', subscriptionId };
    return update({ items: ending.map(({ id }) => ({ id, deleted: true })) });
  }
  if (!isWhole)
    throw subscriptionError(
      `The subscription "${subscriptionId}" at Stripe has other items too, and Stripe can end it later only as a whole. Cancel it now, or at Stripe.`,
    );
  if (atPeriodEnd) return subscription.cancel_at_period_end ? null : update({ cancel_at_period_end: true });
  const seconds = at === null ? null : secondsOf(at);
  return seconds === null || subscription.cancel_at === seconds ? null : update({ cancel_at: seconds });
}

/**
 * How the scheduled end of a subscription at Stripe is taken back.
 *
 * @throws SubscriptionError without a scheduled end
 */
export function takeEndBack(subscription: SubscriptionNow): ChangeAtStripe {
  const { id: subscriptionId, cancel_at, cancel_at_period_end } = subscription;
  if (isOver(subscription) || (!cancel_at && !cancel_at_period_end))
    throw subscriptionError(
      `Cannot resume the subscription "${subscriptionId}" at Stripe: it has no scheduled end.`,
    );
  const params: Stripe.SubscriptionUpdateParams = cancel_at_period_end
    ? { cancel_at_period_end: false }
    : { cancel_at: '' };
  return { kind: 'update', subscriptionId, params };
}

/** A price at Stripe of the package to change to. */
export interface PriceOption {
  id: string;
  isActive: boolean;
  currency: string;
  currencies: readonly string[];
  interval: string | null;
  intervalCount: number | null;
}

/**
 * The price at which a package is paid after a change: the active one that is sold in the currency of the subscription,
 * which Stripe never changes, and in the interval of the present price. Of several, the one that billing templates of the package sell.
 *
 * @throws SubscriptionError if there is none, or more than one
 */
export function choosePrice(
  packageId: string,
  currency: string,
  present: ItemPrice,
  options: readonly PriceOption[],
  soldIds: ReadonlySet<string>,
): string {
  const interval = present.recurring?.interval ?? null;
  const count = present.recurring?.interval_count ?? null;
  const every = interval === null ? 'once' : `every ${count === 1 ? '' : `${count} `}${interval}`;
  const fitting = options.filter(
    (option) =>
      option.isActive &&
      currenciesOf(option).includes(currency) &&
      option.interval === interval &&
      option.intervalCount === count,
  );
  const sold = fitting.filter(({ id }) => soldIds.has(id));
  const [chosen, another] = fitting.length > 1 && sold.length > 0 ? sold : fitting;
  if (chosen === undefined)
    throw subscriptionError(
      `The package "${packageId}" has no active price in ${currency} that is paid ${every}, as now: map one with mapPrice.`,
    );
  if (another !== undefined)
    throw subscriptionError(
      `The package "${packageId}" has several active prices in ${currency} that are paid ${every}: leave one active at Stripe, or name one in a billing template.`,
    );
  return chosen.id;
}

/**
 * How the base package of a subscription at Stripe is replaced, and add-ons end that it is not available with. With RESET
 * a new item takes the place of the former one: windows begin with it. With CARRY the item gets the other price: windows
 * and usage go on.
 *
 * @returns null if Stripe has it so already
 * @throws SubscriptionError if the item is no longer there
 */
export function replaceItem(
  subscription: SubscriptionNow,
  { itemId, priceId, usage }: { itemId: string; priceId: string; usage: CarriedUsage },
  endingIds: readonly string[],
): ChangeAtStripe | null {
  const { id: subscriptionId, items } = subscription;
  const item = items.data.find(({ id }) => id === itemId);
  if (isOver(subscription) || item === undefined)
    throw subscriptionError(
      'What is held has just changed at Stripe, and nothing was changed now. Look at it and try again.',
    );
  if (item.price.id === priceId) return null;
  const { quantity } = item;
  const next = { price: priceId, ...(quantity === undefined ? {} : { quantity }) };
  const replaced = usage === 'CARRY' ? [{ ...next, id: itemId }] : [{ id: itemId, deleted: true }, next];
  const ending = items.data
    .filter(({ id }) => endingIds.includes(id))
    .map(({ id }) => ({ id, deleted: true }));
  return { kind: 'update', subscriptionId, params: { items: [...replaced, ...ending] } };
}
