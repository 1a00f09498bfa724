import { describe, expect, it } from '@jest/globals';
import { AmountInput, amountText, fits, misfit, numberOf, readAmount } from '../src/amount.ts';
import { parseExactJson } from '../src/exact-json.ts';

describe('an amount is read from decimal text, and written as such', () => {
  it.each([
    ['0', 0n, '0'],
    ['-0', 0n, '0'],
    ['1', 1_000_000n, '1'],
    ['007', 7_000_000n, '7'],
    ['0.5', 500_000n, '0.5'],
    ['+0.50', 500_000n, '0.5'],
    ['-12.345678', -12_345_678n, '-12.345678'],
    ['0.000001', 1n, '0.000001'],
    ['0.0000010', 1n, '0.000001'],
    ['5000000000', 5_000_000_000_000_000n, '5000000000'],
    ['123456789012345678901234567890', 123_456_789_012_345_678_901_234_567_890_000_000n, undefined],
  ])('%s', (text, amount, written = text) => {
    expect(readAmount(text)).toBe(amount);
    expect(amountText(amount)).toBe(written);
  });

  it.each(['', ' 1', '1e3', '.5', '1.', '0.0000001', '1,000', '0x10', 'NaN', 'Infinity', '--1'])(
    'not from %j',
    (text) => expect(readAmount(text)).toBeNull(),
  );
});

describe('an amount is told as a number of at most 15 digits', () => {
  it.each([
    [300_000n, 0.3],
    [-300_000n, -0.3],
    [5_000_000_000_000_000n, 5_000_000_000],
    [999_999_999_999_999n, 999_999_999.999999],
    [1_234_567_890_123_454n, 1_234_567_890.12345],
    [1_234_567_890_123_455n, 1_234_567_890.12346],
    [-1_234_567_890_123_455n, -1_234_567_890.12346],
    [9_999_999_999_999_999n, 10_000_000_000],
    [123_456_789_012_345_678_000_000n, 123_456_789_012_346_000],
  ])('%s millionths as %s', (amount, number) => expect(numberOf(amount)).toBe(number));
});

describe('an amount of a request', () => {
  it.each([
    ['0', 0n],
    ['-0.25', -250_000n],
    ['1e3', 1_000_000_000n],
    ['2.50', 2_500_000n],
    ['0.000001', 1n],
    ['1E-6', 1n],
    ['123456789.012345', 123_456_789_012_345n],
    ['999999999999999', 999_999_999_999_999_000_000n],
    ['1e15', 10n ** 21n],
  ])('%s is exact', (json, amount) => expect(AmountInput.parse(parseExactJson(json))).toBe(amount));

  it.each([
    ['1e-7', 'must have at most 6 digits after the decimal point'],
    ['0.1234567', 'must have at most 6 digits after the decimal point'],
    ['1234567890.123456', 'must have at most 15 significant digits'],
    ['1234567890123456', 'must have at most 15 significant digits'],
    ['0.30000000000000004', 'must have at most 15 significant digits'],
    ['9007199254740993', 'must have at most 15 significant digits'],
    ['1.1e15', 'must be at most 1,000,000,000,000,000'],
    ['1e21', 'must be at most 1,000,000,000,000,000'],
    ['1e300', 'must be at most 1,000,000,000,000,000'],
    ['"1"', 'must be a number'],
    ['true', 'must be a number'],
    ['null', 'must be a number'],
    ['[1]', 'must be a number'],
  ])('%s is refused', (json, message) => {
    const { error } = AmountInput.safeParse(parseExactJson(json));
    expect(error?.issues.map((issue) => issue.message)).toEqual([message]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('%s is refused', (value) =>
    expect(AmountInput.safeParse(value).error?.issues[0]?.message).toBe('must be a number'),
  );
});

describe('a feature has amounts of its precision, up to 10^15 of its smallest unit', () => {
  it.each([
    ['1', 0, true],
    ['0.5', 0, false],
    ['0.5', 1, true],
    ['-0.25', 1, false],
    ['-0.25', 2, true],
    ['0.000001', 6, true],
    ['0.000001', 5, false],
    ['1000000000000000', 0, true],
    ['1000000000000001', 0, false],
    ['100000000000000', 1, true],
    ['-1000000000000000', 1, false],
    ['1000000000', 6, true],
    ['1000000000.000001', 6, false],
  ])('%s with precision %i: %s', (text, precision, expected) =>
    expect(fits(readAmount(text) as bigint, precision)).toBe(expected),
  );

  it.each([
    ['0.5', 0, 'input.delta: must be a whole number: the precision of the feature "hours" is 0'],
    [
      '0.125',
      2,
      'input.delta: must have at most 2 digits after the decimal point: the precision of the feature "hours" is 2',
    ],
    [
      '2000000000',
      6,
      'input.delta: must be at most 1,000,000,000: the precision of the feature "hours" is 6',
    ],
  ])('what it cannot have, %s with precision %i, names field and precision', (text, precision, message) =>
    expect(misfit(readAmount(text) as bigint, { id: 'hours', precision }, 'input.delta').message).toBe(
      message,
    ),
  );
});
