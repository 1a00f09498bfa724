import { Radio, Stack } from '@mantine/core';
import type { CarriedUsage } from '../generated/operations.ts';

/** What becomes of the usage when a package is changed. */
export const CarryField = ({
  value,
  onChange,
}: {
  value: CarriedUsage;
  onChange: (value: CarriedUsage) => void;
}) => (
  <Radio.Group
    label="Usage of the running period"
    value={value}
    onChange={(chosen) => onChange(chosen === 'CARRY' ? 'CARRY' : 'RESET')}
  >
    <Stack gap="xs" mt={6}>
      <Radio
        value="RESET"
        label="Start anew"
        description="The new package begins with nothing used. Its periods are counted from its start."
      />
      <Radio
        value="CARRY"
        label="Carry over"
        description="What was used in the running period counts in the new package. Features that reset alike keep their periods."
      />
    </Stack>
  </Radio.Group>
);
