/**
 * A number that was written with more digits, or larger, than JavaScript holds: reading it has changed it. It counts
 * for what is left of it, but for where it must not be changed.
 */
export class InexactNumber extends Number {}

/** A number that may be inexact, where JSON can have one; nearly every text has none. */
const suspicious = /(?:^|[[:,\s])-?\d(?:[\d.]{15}|[\d.]*[eE])/;
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|(-?\d[\d.eE+-]*)/g;
const mark = '\u0000inexact ';

/** Reads JSON. A number that JavaScript does not hold exactly becomes an InexactNumber. @throws SyntaxError */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!suspicious.test(text)) return value;
  let isExact = true;
  const marked = text.replace(tokens, (token, number?: string) => {
    if (number === undefined || !(readNumber(number) instanceof InexactNumber)) return token;
    isExact = false;
    return JSON.stringify(`${mark}${number}`);
  });
  if (isExact) return value;
  return JSON.parse(marked, (_key, item: unknown) =>
    typeof item === 'string' && item.startsWith(mark) ? readNumber(item.slice(mark.length)) : item,
  );
}

/** @param text a number as JSON and GraphQL write it */
export function readNumber(text: string): number | InexactNumber {
  const number = Number(text);
  return Number.isFinite(number) && canonical(text) === canonical(String(number))
    ? number
    : new InexactNumber(number);
}

/** The same text for the same number, however it is written. */
function canonical(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

/** Whether there is an InexactNumber in a value. */
export function holdsInexact(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof InexactNumber || Object.values(value).some(holdsInexact);
}
