// As many fraction digits as an amount may have.
const decimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 6 });
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 });

/** The value of a number input, which may be `49.50` or empty. */
export const readNumber = (typed: string | number): number | '' =>
  typed === '' || Number.isNaN(Number(typed)) ? '' : Number(typed);

/**
 * The amount of a feature that somebody typed, such as `49.5`, `-3` or `1,000,000`: `''` for nothing and for what is no
 * amount, with the problem.
 */
export function readAmount(
  typed: string,
  { precision, allowNegative }: { precision: number; allowNegative: boolean },
): { amount: number | ''; problem: string | null } {
  const text = typed.trim();
  if (text === '') return { amount: '', problem: null };
  const refuse = (problem: string) => ({ amount: '' as const, problem });
  const [, sign, whole = '', fraction = ''] = /^(-?)(\d+|\d{1,3}(?:,\d{3})+)(?:\.(\d*))?$/.exec(text) ?? [];
  if (whole === '') return refuse('Write a number, such as 10');
  if (sign === '-' && !allowNegative) return refuse('Must be 0 or more');
  if (fraction.length > precision)
    return refuse(
      precision === 0 ? 'Whole numbers only' : `At most ${formatCount(precision, 'digit')} after the point`,
    );
  const digits = whole.replaceAll(',', '');
  if (digits.replace(/^0+/, '').length > 15 - precision) return refuse('Too large');
  return { amount: Number(`${sign}${digits}.${fraction || '0'}`), problem: null };
}

/** 1234567 or 0.25 in the viewer's locale. */
export const formatNumber = (value: number): string => decimal.format(value);

/** 0.123 as 12%. */
export const formatShare = (value: number): string => percent.format(value);

/** A count with its noun: `1 user`, `2 users`. */
export const formatCount = (count: number, one: string, several = `${one}s`): string =>
  `${formatNumber(count)} ${count === 1 ? one : several}`;
