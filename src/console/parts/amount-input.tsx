import { TextInput, type TextInputProps } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { readAmount } from './numbers.ts';

interface AmountInputProps extends Omit<TextInputProps, 'value' | 'onChange' | 'error' | 'ref'> {
  value: number | '';
  /** Called with `''` for no text, and for text that is no valid amount of the feature. */
  onChange: (value: number | '') => void;
  /** How many digits after the decimal point the feature allows. */
  precision: number;
  /** Whether it may be less than 0. */
  allowNegative?: boolean;
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 6 });
const textOf = (value: number | '') => (value === '' ? '' : grouped.format(value));

/** A field for an amount of a feature. What is typed stays as it is; what is no amount is refused with the reason. */
export function AmountInput({
  value,
  onChange,
  precision,
  allowNegative = false,
  ...rest
}: AmountInputProps) {
  const input = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(textOf(value));
  const terms = { precision, allowNegative };
  const read = readAmount(typed, terms);
  const isOurs = read.amount === value;
  const problem = isOurs ? read.problem : null;
  // A form with it is not sent.
  useEffect(() => input.current?.setCustomValidity(problem ?? ''), [problem]);
  return (
    <TextInput
      {...rest}
      ref={input}
      inputMode={allowNegative ? 'text' : 'decimal'}
      autoComplete="off"
      value={isOurs ? typed : textOf(value)}
      error={problem}
      onChange={({ currentTarget: { value: next } }) => {
        setTyped(next);
        onChange(readAmount(next, terms).amount);
      }}
    />
  );
}
