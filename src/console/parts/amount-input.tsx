import { NumberInput, type NumberInputProps } from '@mantine/core';
import { useState } from 'react';
import { readNumber } from './numbers.ts';

interface AmountInputProps extends Omit<NumberInputProps, 'value' | 'onChange' | 'min' | 'max'> {
  value: number | '';
  onChange: (value: number | '') => void;
  /** How many digits after the decimal point the feature allows. */
  precision: number;
  /** Whether it may be less than 0. */
  allowNegative?: boolean;
}

/** A field for an amount of a feature. */
export function AmountInput({
  value,
  onChange,
  precision,
  allowNegative = false,
  ...rest
}: AmountInputProps) {
  // What is typed on the way to a number, such as `0.` and `-`, stays in the field.
  const [typed, setTyped] = useState<number | string>(value);
  const most = 10 ** (15 - precision);
  return (
    <NumberInput
      {...rest}
      value={readNumber(typed) === value ? typed : value}
      onChange={(next) => {
        setTyped(next);
        onChange(readNumber(next));
      }}
      min={allowNegative ? -most : 0}
      max={most}
      allowNegative={allowNegative}
      allowDecimal={precision > 0}
      decimalScale={precision}
    />
  );
}
