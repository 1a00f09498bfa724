export interface Price {
  amount: number | null;
  currency: string;
  interval: string | null;
  /** Billed by usage: the amount is for each unit. */
  isMetered?: boolean;
}

/** `50.00 GBP a month`. */
export function formatPrice({ amount, currency, interval, isMetered = false }: Price): string {
  const digits = digitsOf(currency);
  const value = amount === null ? 'varies' : (amount / 10 ** digits).toFixed(digits);
  if (isMetered) return `${value} ${currency.toUpperCase()} a unit, each ${interval}`;
  return `${value} ${currency.toUpperCase()}${interval === null ? ' once' : ` a ${interval}`}`;
}

/** The API takes the smallest unit of the currency: 50.00 pounds are 5000, 50 yen are 50. */
export const toMinorUnits = (amount: number, currency: string): number =>
  Math.round(amount * 10 ** digitsOf(currency));

function digitsOf(currency: string): number {
  try {
    const format = new Intl.NumberFormat('en', { style: 'currency', currency });
    return format.resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    // Not a currency. The server reports it.
    return 2;
  }
}

/** An id for what a link sells: `pro-50gbp-month`. */
export const templateIdOf = (packageId: string, { amount, currency, interval }: Price): string =>
  [
    packageId,
    `${amount === null ? '' : amount / 10 ** digitsOf(currency)}${currency}`,
    interval ?? 'once',
  ].join('-');
