import { TextInput, type TextInputProps } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { ReadNumbers } from './alert-points.ts';

interface NumbersInputProps extends Omit<TextInputProps, 'value' | 'onChange' | 'error' | 'ref'> {
  values: readonly number[];
  /** Called with nothing for text that cannot be read. */
  onChange: (values: number[]) => void;
  read: (typed: string) => ReadNumbers;
}

const isSame = (some: readonly number[], others: readonly number[]) => some.join() === others.join();

/** A field for several numbers. What is typed stays as it is; what cannot be read is refused with the reason. */
export function NumbersInput({ values, onChange, read, ...rest }: NumbersInputProps) {
  const input = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(values.join(', '));
  const known = read(typed);
  const isOurs = isSame(known.values, values);
  const problem = isOurs ? known.problem : null;
  // A form with it is not sent.
  useEffect(() => input.current?.setCustomValidity(problem ?? ''), [problem]);
  return (
    <TextInput
      {...rest}
      ref={input}
      autoComplete="off"
      value={isOurs ? typed : values.join(', ')}
      error={problem}
      onChange={({ currentTarget: { value } }) => {
        setTyped(value);
        onChange(read(value).values);
      }}
    />
  );
}
