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
  isMetered: boolean;
}

/** What a billing template sells. */
interface TemplateOption {
  currency: string;
  interval: string | null;
  priceIds: readonly string[];
}

/**
 * The prices at which a package is paid after a change: the active one that is sold in the currency of the subscription,
 * which Stripe never changes, and in the interval of the present price. Of several, those that the package's billing
 * template sells together; the ones with a quantity first.
 *
 * @throws SubscriptionError if there is none, or if it is unclear which
 */
export function choosePrices(
  packageId: string,
  currency: string,
  present: ItemPrice,
  options: readonly PriceOption[],
  templates: readonly TemplateOption[],
): string[] {
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
  if (fitting.length === 0)
    throw subscriptionError(
      `The package "${packageId}" has no active price in ${currency} that is paid ${every}, as now: map one with mapPrice.`,
    );
  const licensedFirst = [...fitting].sort((a, b) => Number(a.isMetered) - Number(b.isMetered));
  const idsOf = (priceIds: readonly string[]) =>
    licensedFirst.map(({ id }) => id).filter((id) => priceIds.includes(id));
  if (fitting.length === 1) return fitting.map(({ id }) => id);
  const sold = templates
    .filter((template) => template.currency === currency && template.interval === interval)
    .map(({ priceIds }) => idsOf(priceIds))
    .filter((ids) => ids.length > 0);
  const [chosen, another] = [...new Map(sold.map((ids) => [ids.join(), ids])).values()];
  if (chosen === undefined || another !== undefined)
    throw subscriptionError(
      `The package "${packageId}" has several active prices in ${currency} that are paid ${every}: leave one active at Stripe, or name those that are paid in one billing template.`,
    );
  return chosen;
}

/** These items, and all others of the subscription that pay for the same packages. */
export function withSiblings(
  { items }: SubscriptionNow,
  itemIds: readonly string[],
  packageIds: ReadonlyMap<string, string>,
): string[] {
  const packageOf = (item: { price: ItemPrice }) => packageIds.get(item.price.id);
  const named = items.data.filter(({ id }) => itemIds.includes(id));
  const packages = new Set(named.flatMap((item) => packageOf(item) ?? []));
  const siblings = items.data.filter((item) => packages.has(packageOf(item) ?? ''));
  return [...new Set([...itemIds, ...siblings.map(({ id }) => id)])];
}

/**
 * How the base package of a subscription at Stripe is replaced, and its other items and add-ons end that it is not
 * available with. With RESET
 * a new item takes the place of the former one: windows begin with it. With CARRY the item gets the other price: windows
 * and usage go on.
 *
 * @returns null if Stripe has it so already
 * @throws SubscriptionError if the item is no longer there
 */
export function replaceItem(
  subscription: SubscriptionNow,
  { itemId, priceIds, usage }: { itemId: string; priceIds: readonly string[]; usage: CarriedUsage },
  endingIds: readonly string[],
): ChangeAtStripe | null {
  const { id: subscriptionId, items } = subscription;
  const item = items.data.find(({ id }) => id === itemId);
  if (isOver(subscription) || item === undefined)
    throw subscriptionError(
      'What is held has just changed at Stripe, and nothing was changed now. Look at it and try again.',
    );
  const [priceId = '', ...others] = priceIds;
  if (item.price.id === priceId) return null;
  const { quantity } = item;
  const next = { price: priceId, ...(quantity === undefined ? {} : { quantity }) };
  const replaced = usage === 'CARRY' ? [{ ...next, id: itemId }] : [{ id: itemId, deleted: true }, next];
  const ending = items.data
    .filter(({ id }) => id !== itemId && endingIds.includes(id))
    .map(({ id }) => ({ id, deleted: true }));
  return {
    kind: 'update',
    subscriptionId,
    params: { items: [...replaced, ...others.map((price) => ({ price })), ...ending] },
  };
}
