import '@mantine/charts/styles.css';
import { BarChart } from '@mantine/charts';
import { Stack, Table, Text, VisuallyHidden } from '@mantine/core';
import { useAnswer } from '../api/hooks.ts';
import { type PeriodFragment, UsageHistoryDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

/** The periods of a feature as bars, oldest first, and as a table for screen readers. */
export function History({ userId, featureId }: { userId: string; featureId: string }) {
  const answer = useAnswer(UsageHistoryDocument, { userId, featureId });
  return (
    <Answer of={answer}>
      {({ showUsage: { current, past } }) => {
        const periods = [...(past ?? [])].reverse().concat(current === null ? [] : [current]);
        return <Chart periods={periods} />;
      }}
    </Answer>
  );
}

function Chart({ periods }: { periods: readonly PeriodFragment[] }) {
  const last = periods.at(-1);
  const budget = last?.consumption.budget;
  if (last === undefined) return <Text size="sm">Nothing has been used yet.</Text>;
  return (
    <Stack gap="xs" mt="sm">
      <Text size="sm" c="dimmed">
        This period began <Moment at={last.periodStart} />
        {last.periodEnd === null ? (
          ' and does not end.'
        ) : (
          <>
            {' '}
            and ends <Moment at={last.periodEnd} />.
          </>
        )}
      </Text>
      <div aria-hidden>
        <BarChart
          h={180}
          data={periods.map(({ periodStart, consumption }) => ({
            period: day.format(new Date(periodStart)),
            Used: consumption.used,
          }))}
          dataKey="period"
          series={[{ name: 'Used', color: 'var(--mantine-color-anchor)' }]}
          referenceLines={
            budget == null
              ? []
              : [{ y: budget, label: 'Budget', color: 'gray.6', ifOverflow: 'extendDomain' }]
          }
          valueFormatter={formatNumber}
          maxBarWidth={48}
          barProps={{ isAnimationActive: false }}
          barChartProps={{ accessibilityLayer: false, margin: { top: 24 } }}
        />
      </div>
      <VisuallyHidden>
        <Table aria-label="Usage by period">
          <Table.Tbody>
            {periods.map(({ periodStart, consumption }) => (
              <Table.Tr key={periodStart}>
                <Table.Th>{day.format(new Date(periodStart))}</Table.Th>
                <Table.Td>{formatNumber(consumption.used)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </VisuallyHidden>
    </Stack>
  );
}
