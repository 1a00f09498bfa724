import { Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer } from '../api/hooks.ts';
import { type UsageBucket, UsageSeriesDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { LazyBars } from './lazy-bars.tsx';
import { SpanChoice } from './span-choice.tsx';
import { spanOf, zoneNote } from './spans.ts';

/** Refresh interval of the chart in milliseconds. */
const pace = 10_000;

/** Usage of a feature over time, by one user or by all. */
export function UsageOverTime(props: { featureId: string; userId?: string; units?: string | null }) {
  const { featureId, userId = null, units } = props;
  const [bucket, setBucket] = useState<UsageBucket>('DAY');
  const answer = useAnswer(UsageSeriesDocument, { featureId, userId, bucket }, { every: pace });
  return (
    <Stack gap="xs">
      <Group justify="end">
        <SpanChoice value={bucket} onChange={setBucket} />
      </Group>
      <Answer of={answer}>
        {({ usageSeries }) => {
          const total = usageSeries.reduce((sum, { used }) => sum + used, 0);
          const used = usageSeries.some((each) => each.used !== 0);
          return used ? (
            <>
              <Text size="sm" c="dimmed">
                {formatNumber(total)} {units ?? 'used'} in {spanOf(bucket).label}. {zoneNote(bucket)}
              </Text>
              <LazyBars label="Usage over time" bucket={bucket} points={usageSeries} />
            </>
          ) : (
            <Text c="dimmed" py="xl" ta="center">
              Nothing was used in the last {spanOf(bucket).label}.
            </Text>
          );
        }}
      </Answer>
    </Stack>
  );
}
