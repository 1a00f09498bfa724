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

const labels: Record<When['kind'], string> = {
  NOW: 'Now',
  PERIOD_END: 'End of the period',
  AT: 'At a date',
};
const kinds = ['NOW', 'PERIOD_END', 'AT'] as const;

/** Chooses when, and says what that means. */
export function WhenField(props: {
  label: string;
  /** What happens in each case that can be chosen, as a sentence. */
  meanings: { NOW: string; PERIOD_END?: string; AT: string };
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
        data={kinds
          .filter((kind) => meanings[kind] !== undefined)
          .map((kind) => ({ value: kind, label: labels[kind] }))}
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
