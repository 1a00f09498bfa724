// As many fraction digits as an amount may have.
const decimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 6 });
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 });

/** The value of a number input, which may be `49.50` or empty. */
export const readNumber = (typed: string | number): number | '' =>
  typed === '' || Number.isNaN(Number(typed)) ? '' : Number(typed);

/** 1234567 or 0.25 in the viewer's locale. */
export const formatNumber = (value: number): string => decimal.format(value);

/** 0.123 as 12%. */
export const formatShare = (value: number): string => percent.format(value);

/** A count with its noun: `1 user`, `2 users`. */
export const formatCount = (count: number, one: string, several = `${one}s`): string =>
  `${formatNumber(count)} ${count === 1 ? one : several}`;
