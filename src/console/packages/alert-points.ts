import { readAmount } from '../parts/numbers.ts';

/** What was typed in a field for several numbers: none of them is taken as long as one cannot be. */
export interface ReadNumbers {
  values: number[];
  problem: string | null;
}

const maxPoints = 10;
const maxPercent = 1_000;

const refuse = (problem: string): ReadNumbers => ({ values: [], problem });

/** Numbers are separated by commas, semicolons or spaces. The same number twice counts once. */
function readAll(
  parts: readonly string[],
  readOne: (part: string) => { value: number; problem: string | null },
): ReadNumbers {
  const values = new Set<number>();
  for (const part of parts) {
    const { value, problem } = readOne(part);
    if (problem !== null) return refuse(problem);
    values.add(value);
  }
  return values.size > maxPoints ? refuse(`At most ${maxPoints}`) : { values: [...values], problem: null };
}

const partsOf = (text: string) => text.split(/[\s,;]+/).filter((part) => part !== '');

/** Percents that somebody typed: `80`, `80%`, `80 %, 100 %`, `80 100`. They are whole, from 1 to 1000. */
export const readPercents = (typed: string): ReadNumbers =>
  readAll(partsOf(typed.replace(/\s+%/g, '%')), (part) => {
    const digits = /^(\d+)%?$/.exec(part)?.[1];
    const value = Number(digits ?? Number.NaN);
    const problem =
      value >= 1 && value <= maxPercent ? null : `“${part}” is no whole number from 1 to ${maxPercent}`;
    return { value, problem };
  });

/** Usages of a feature that somebody typed: `500, 1000`. `1,500` is refused: it may be one number or two. */
export function readAmounts(typed: string, precision: number): ReadNumbers {
  const ambiguous = /\d,\d{3}(?!\d)/.exec(typed);
  if (ambiguous !== null)
    return refuse('Write large numbers without commas, such as 1500, and a space between two numbers');
  return readAll(partsOf(typed), (part) => {
    const { amount, problem } = readAmount(part, { precision, allowNegative: false });
    if (problem !== null || amount === '')
      return { value: 0, problem: `“${part}”: ${problem ?? 'Write a number'}` };
    return { value: amount, problem: amount > 0 ? null : `“${part}”: Must be more than 0` };
  });
}
