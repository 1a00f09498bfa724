import type { EntitlementView } from './entitlement.ts';
import type { Feature, PackageFeature, Price, ResetPeriod } from './types.ts';

/* Words and numbers for people. A locale is always given, so that a server and a browser write the same. */

/** The words of the components, in English by default. Replace any of them. */
export interface Labels {
  usage(view: EntitlementView, format: Format): string;
  price(price: Price, format: Format): string;
  free: string;
  feature(feature: PackageFeature, format: Format): string;
  choose(name: string): string;
  current: string;
  trialUntil(date: string): string;
  endsOn(date: string): string;
  startsOn(date: string): string;
}

export interface Format {
  number(value: number): string;
  money(price: Price): string;
  date(instant: string): string;
  /** The amount with the unit of the feature, such as "1,000 API calls". */
  amount(value: number | null, unit: Pick<Feature, 'unitLabel' | 'unitLabelPlural'>): string;
  period(period: ResetPeriod, every: number): string;
}

export function createFormat(locale: string): Format {
  const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 6 });
  const dates = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' });
  const number = (value: number) => numbers.format(value);
  return {
    number,
    date: (instant) => dates.format(new Date(instant)),
    money({ displayAmount, currency }) {
      const minimumFractionDigits = displayAmount.split('.')[1]?.length ?? 0;
      const options = { style: 'currency', currency, minimumFractionDigits } as const;
      return new Intl.NumberFormat(locale, options).format(Number(displayAmount));
    },
    amount(value, { unitLabel, unitLabelPlural }) {
      const unit = value === 1 ? unitLabel : (unitLabelPlural ?? unitLabel);
      return [value === null ? 'unlimited' : number(value), unit].filter(Boolean).join(' ');
    },
    period: (period, every) => {
      const word = period.toLowerCase();
      return every === 1 ? `per ${word}` : `every ${number(every)} ${word}s`;
    },
  };
}

export const english: Labels = {
  usage({ used, budget, entitlement }, format) {
    const unit = entitlement?.feature ?? { unitLabel: null, unitLabelPlural: null };
    if (budget === null) return `${format.amount(used, unit)} used`;
    return `${format.number(used)} of ${format.amount(budget, unit)}`;
  },
  price: (price, format) =>
    price.interval === null ? format.money(price) : `${format.money(price)} per ${price.interval}`,
  free: 'Free',
  feature({ name, type, limit, resetPeriod, resetEvery, ...unit }, format) {
    if (type === 'BINARY') return name;
    const amount = format.amount(
      limit,
      unit.unitLabel === null ? { unitLabel: name, unitLabelPlural: null } : unit,
    );
    const period = resetPeriod === null || limit === null ? '' : ` ${format.period(resetPeriod, resetEvery)}`;
    return `${amount.charAt(0).toUpperCase()}${amount.slice(1)}${period}`;
  },
  choose: (name) => `Choose ${name}`,
  current: 'Your plan',
  trialUntil: (date) => `On trial until ${date}`,
  endsOn: (date) => `Ends on ${date}`,
  startsOn: (date) => `Starts on ${date}`,
};
