import { SegmentedControl } from '@mantine/core';
import type { UsageBucket } from '../generated/operations.ts';
import { isBucket, spans } from './spans.ts';

/** Chooses the time range. */
export function SpanChoice(props: { value: UsageBucket; onChange: (bucket: UsageBucket) => void }) {
  const { value, onChange } = props;
  return (
    <SegmentedControl
      size="xs"
      aria-label="Time"
      data={spans.map(({ bucket, label }) => ({ value: bucket, label }))}
      value={value}
      onChange={(next) => isBucket(next) && onChange(next)}
    />
  );
}
