import { Button, Group, Stack, TextInput, type TextInputProps } from '@mantine/core';
import { localText, usualEnds } from './instants.ts';

interface InstantInputProps extends Omit<TextInputProps, 'value' | 'onChange'> {
  /** As `localText` writes it; empty for none. */
  value: string;
  onChange: (value: string) => void;
  /** Whether to offer ends that people often choose. */
  withUsualEnds?: boolean;
}

/** A field for a date and time, in the zone of the browser. */
export function InstantInput({ value, onChange, withUsualEnds = false, ...rest }: InstantInputProps) {
  return (
    <Stack gap={6}>
      <TextInput
        {...rest}
        type="datetime-local"
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
      {withUsualEnds && (
        <Group gap={6} role="group" aria-label="Usual ends">
          {usualEnds(new Date()).map(({ label, at }) => (
            <Button
              key={label}
              variant={value === localText(at) ? 'light' : 'default'}
              size="compact-xs"
              aria-pressed={value === localText(at)}
              onClick={() => onChange(localText(at))}
            >
              {label}
            </Button>
          ))}
        </Group>
      )}
    </Stack>
  );
}
