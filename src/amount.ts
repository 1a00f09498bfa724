import { z } from 'zod';
import { invalidInput } from './errors.ts';
import { InexactNumber } from './exact-json.ts';

/*
 * Amounts are exact: usage, limits and their sums are whole numbers of millionths, never binary fractions. They become
 * decimal text for PostgreSQL (numeric), and numbers for JSON, only here. What is recorded is sent in millionths: see
 * database/amount-sql.ts.
 */

/** An exact decimal number in millionths: 0.5 is 500000n. */
export type Amount = bigint;

/** The most fraction digits that a feature's amounts may have. */
export const maxPrecision = 6;
const unit = 1_000_000n;
/** JavaScript and every JSON parser hold this many digits exactly. */
const maxDigits = 15;
/** The largest amount, in the smallest unit of its feature. */
const maxUnits = 1_000_000_000_000_000n;

/** The default of every delta. */
export const oneUnit: Amount = unit;

/** Adds up amounts. */
export const sumOf = (amounts: readonly Amount[]): Amount =>
  amounts.reduce((sum, amount) => sum + amount, 0n);

const absolute = (amount: Amount) => (amount < 0n ? -amount : amount);

/** An amount as PostgreSQL reads it, and as people do: decimal digits, no exponent, no trailing zeros. */
export function amountText(amount: Amount): string {
  const digits = String(absolute(amount)).padStart(maxPrecision + 1, '0');
  const fraction = digits.slice(-maxPrecision).replace(/0+$/, '');
  const whole = digits.slice(0, -maxPrecision);
  return `${amount < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

export const textOrNull = (amount: Amount | null): string | null =>
  amount === null ? null : amountText(amount);

const decimal = /^([+-]?)(\d+)(?:\.(\d+))?$/;

/** The amount that a text of decimal digits says; null if it says none, or one with more than six fraction digits. */
export function readAmount(text: string): Amount | null {
  const [, sign = '', whole, fraction = ''] = decimal.exec(text) ?? [];
  const digits = fraction.replace(/0+$/, '');
  if (whole === undefined || digits.length > maxPrecision) return null;
  const amount = BigInt(whole + digits.padEnd(maxPrecision, '0'));
  return sign === '-' ? -amount : amount;
}

/**
 * An amount that the database holds, or that the code says.
 *
 * @param value the text of a numeric column, a Decimal of Prisma, or a number
 */
export function amountOf(value: string | number | { toFixed(): string }): Amount {
  const text = typeof value === 'object' ? value.toFixed() : String(value);
  const amount = readAmount(text);
  if (amount === null) throw new Error(`"${text}" is no amount`);
  return amount;
}

/** Like amountOf; null stays null. */
export const amountOrNull = (value: Parameters<typeof amountOf>[0] | null): Amount | null =>
  value === null ? null : amountOf(value);

/** The number that JSON tells an amount by. A total of more than 15 digits is rounded to 15. */
export function numberOf(amount: Amount): number {
  const surplus = String(absolute(amount)).length - maxDigits;
  if (surplus <= 0) return Number(amountText(amount));
  const step = 10n ** BigInt(surplus);
  const rounded = ((absolute(amount) + step / 2n) / step) * step;
  return Number(amountText(amount < 0n ? -rounded : rounded));
}

export const numberOrNull = (amount: Amount | null): number | null =>
  amount === null ? null : numberOf(amount);

/** A decimal number as JSON has it: at most 15 significant digits, six of them after the point, up to 10^15. */
export const AmountInput = z.unknown().transform((value, check): Amount => {
  const problem = problemOf(value);
  const amount = problem === null ? readAmount(String(value)) : null;
  if (amount !== null && absolute(amount) <= maxUnits * unit) return amount;
  check.addIssue({ code: 'custom', message: problem ?? tooLarge(0) });
  return z.NEVER;
});

function problemOf(value: unknown): string | null {
  if (value instanceof InexactNumber) return tooManyDigits;
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'must be a number';
  const [digits = '', exponent = '0'] = String(Math.abs(value)).split('e');
  const [whole = '', fraction = ''] = digits.split('.');
  if (Number(exponent) > 0) return null;
  if (`${whole}${fraction}`.replace(/^0+|0+$/g, '').length > maxDigits) return tooManyDigits;
  return fraction.length > maxPrecision || Number(exponent) < 0
    ? `must have at most ${maxPrecision} digits after the decimal point`
    : null;
}

const tooManyDigits = `must have at most ${maxDigits} significant digits`;
const tooLarge = (precision: number) =>
  `must be at most ${(maxUnits / 10n ** BigInt(precision)).toLocaleString('en-US')}`;

/** An amount of 0 or more. */
export const NonNegativeAmount = AmountInput.refine((amount) => amount >= 0n, 'must be 0 or more');

/** A feature, as far as its amounts are concerned. */
export interface Measure {
  id: string;
  /** How many fraction digits its amounts may have. */
  precision: number;
}

/** Whether a feature of this precision can have this amount. SQL repeats it: see database/amount-sql.ts. */
export function fits(amount: Amount, precision: number): boolean {
  const smallest = 10n ** BigInt(maxPrecision - precision);
  return amount % smallest === 0n && absolute(amount) / smallest <= maxUnits;
}

/** @throws ValidationError that names the field and the precision, if the feature cannot have this amount */
export function requireFit(amount: Amount, feature: Measure, field: string): void {
  if (!fits(amount, feature.precision)) throw misfit(amount, feature, field);
}

/** The mistake of giving a feature an amount that it cannot have. */
export function misfit(amount: Amount, { id, precision }: Measure, field: string) {
  const smallest = 10n ** BigInt(maxPrecision - precision);
  const digits =
    precision === 0
      ? 'must be a whole number'
      : `must have at most ${precision} digits after the decimal point`;
  const problem = amount % smallest === 0n ? tooLarge(precision) : digits;
  return invalidInput(field, `${problem}: the precision of the feature "${id}" is ${precision}`);
}
