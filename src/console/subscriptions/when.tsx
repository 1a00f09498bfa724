import { Input, SegmentedControl, Stack, Text } from '@mantine/core';
import { InstantInput } from '../parts/instant-input.tsx';
import { readInstant } from '../parts/instants.ts';

/** When something happens to a subscription. */
export interface When {
  kind: 'NOW' | 'PERIOD_END' | 'AT';
  /** What the field for the instant holds. */
  at: string;
}

export const now: When = { kind: 'NOW', at: '' };

export const isChosen = ({ kind, at }: When): boolean => kind !== 'AT' || readInstant(at) !== null;

export const whenInput = ({ kind, at }: When) => ({
  at: kind === 'AT' ? readInstant(at) : null,
  atPeriodEnd: kind === 'PERIOD_END',
});

const choices = [
  { value: 'NOW', label: 'Now' },
  { value: 'PERIOD_END', label: 'End of the period' },
  { value: 'AT', label: 'At a date' },
];

/** Chooses when, and says what that means. */
export function WhenField(props: {
  label: string;
  /** What happens in each case, as a sentence. */
  meanings: Record<When['kind'], string>;
  value: When;
  onChange: (when: When) => void;
}) {
  const { label, meanings, value, onChange } = props;
  return (
    <Stack gap={6}>
      <Input.Label component="div" id="when-label">
        {label}
      </Input.Label>
      <SegmentedControl
        aria-labelledby="when-label"
        data={choices}
        value={value.kind}
        onChange={(kind) =>
          onChange({ ...value, kind: kind === 'AT' || kind === 'PERIOD_END' ? kind : 'NOW' })
        }
        fullWidth
      />
      <Text size="sm" c="dimmed">
        {meanings[value.kind]}
      </Text>
      {value.kind === 'AT' && (
        <InstantInput
          label="Date"
          description="In the time zone of this browser."
          value={value.at}
          onChange={(at) => onChange({ ...value, at })}
          withUsualEnds
          required
        />
      )}
    </Stack>
  );
}
