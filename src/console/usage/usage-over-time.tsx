import { Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer } from '../api/hooks.ts';
import { UsageSeriesDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { LazyBars } from './lazy-bars.tsx';
import { SpanChoice } from './span-choice.tsx';
import { type Span, spanInWords, usualSpan, zoneNote } from './spans.ts';

/** Refresh interval of the chart in milliseconds. */
const pace = 10_000;

interface Shown {
  featureId: string;
  userId?: string;
  units?: string | null;
}

/** Usage of a feature over time by one user, with a choice of the time. */
export function UsageOverTime(props: Shown) {
  const [span, setSpan] = useState(usualSpan);
  return (
    <Stack gap="xs">
      <Group justify="end">
        <SpanChoice value={span} onChange={setSpan} />
      </Group>
      <UsageIn {...props} span={span} />
    </Stack>
  );
}

/** Usage of a feature in this time, by one user or by all. */
export function UsageIn({ featureId, userId, units, span }: Shown & { span: Span }) {
  const { bucket, from, to } = span;
  const variables = { featureId, userId: userId ?? null, bucket, from, to };
  const answer = useAnswer(UsageSeriesDocument, variables, { every: pace, keepPrevious: true });
  return (
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
  );
}
