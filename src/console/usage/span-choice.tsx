import { Group, SegmentedControl, TextInput } from '@mantine/core';
import { useState } from 'react';
import { ownSpan, type Span, spansAt } from './spans.ts';

/** Chooses the time that usage is shown of: a usual one, or one's own by its first and last day. */
export function SpanChoice({ value, onChange }: { value: Span; onChange: (span: Span) => void }) {
  const [own, setOwn] = useState({ first: '', last: '' });
  const spans = spansAt(Date.now());
  const setDay = (change: Partial<typeof own>) => {
    const next = { ...own, ...change };
    setOwn(next);
    const span = ownSpan(next.first, next.last);
    if (span !== null) onChange(span);
  };
  const day = (name: keyof typeof own, label: string) => (
    <TextInput
      type="date"
      size="xs"
      aria-label={label}
      value={own[name]}
      onChange={(event) => setDay({ [name]: event.currentTarget.value })}
      error={own.first !== '' && own.last !== '' && own.first > own.last}
    />
  );
  return (
    <Group gap="xs">
      <SegmentedControl
        className="spans"
        size="xs"
        aria-label="Time"
        data={[...spans.map(({ name }) => ({ value: name, label: name })), { value: 'own', label: 'Own' }]}
        value={value.name}
        onChange={(name) => {
          if (name === 'own') {
            const last = new Date().toISOString().slice(0, 10);
            const first = new Date(Date.now() - 13 * 86_400_000).toISOString().slice(0, 10);
            setDay({ first, last });
          } else onChange(spans.find((span) => span.name === name) ?? value);
        }}
      />
      {value.name === 'own' && (
        <Group gap={4} wrap="nowrap">
          {day('first', 'First day')}
          {day('last', 'Last day')}
        </Group>
      )}
    </Group>
  );
}
