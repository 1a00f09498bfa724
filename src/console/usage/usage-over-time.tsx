import { Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer } from '../api/hooks.ts';
import { UsageSeriesDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { LazyBars } from './lazy-bars.tsx';
import { SpanChoice } from './span-choice.tsx';
import { spanInWords, usualSpan, zoneNote } from './spans.ts';

/** Refresh interval of the chart in milliseconds. */
const pace = 10_000;

/** Usage of a feature over time, by one user or by all. */
export function UsageOverTime(props: { featureId: string; userId?: string; units?: string | null }) {
  const { featureId, userId = null, units } = props;
  const [span, setSpan] = useState(usualSpan);
  const { bucket, from, to } = span;
  const variables = { featureId, userId, bucket, from, to };
  const answer = useAnswer(UsageSeriesDocument, variables, { every: pace, keepPrevious: true });
  return (
    <Stack gap="xs">
      <Group justify="end">
        <SpanChoice value={span} onChange={setSpan} />
      </Group>
      <Answer of={answer}>
        {({ usageSeries }) => {
          const total = usageSeries.reduce((sum, { used }) => sum + used, 0);
          const used = usageSeries.some((each) => each.used !== 0);
          return used ? (
            <>
              <Text size="sm" c="dimmed">
                {formatNumber(total)} {units ?? 'used'} in {spanInWords(span)}. {zoneNote(bucket)}
              </Text>
              <LazyBars label="Usage over time" bucket={bucket} points={usageSeries} />
            </>
          ) : (
            <Text c="dimmed" py="xl" ta="center">
              Nothing was used in {spanInWords(span)}.
            </Text>
          );
        }}
      </Answer>
    </Stack>
  );
}
