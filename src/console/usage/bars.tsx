import '@mantine/charts/styles.css';
import { BarChart } from '@mantine/charts';
import { Button, Collapse, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { UsageBucket } from '../generated/operations.ts';
import { formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';
import { bucketNames, formatLong, formatShort } from './spans.ts';

interface Point {
  start: string;
  used: number;
}

const compact = new Intl.NumberFormat(undefined, { notation: 'compact' });

/** Usage over time as bars, and as a table for screen readers. */
export function Bars(props: {
  label: string;
  bucket: UsageBucket;
  points: readonly Point[];
  height?: number;
  units?: string;
}) {
  const { label, bucket, points, height = 220, units = 'Used' } = props;
  const [opened, { toggle }] = useDisclosure();
  return (
    <div>
      <div aria-hidden>
        <BarChart
          h={height}
          data={points.map(({ start, used }) => ({ start, [units]: used }))}
          dataKey="start"
          series={[{ name: units, color: 'var(--mantine-color-anchor)' }]}
          valueFormatter={formatNumber}
          maxBarWidth={40}
          tickLine="none"
          xAxisProps={{ tickFormatter: (start: string) => formatShort(bucket, start), minTickGap: 24 }}
          yAxisProps={{
            tickFormatter: (used: number) => compact.format(used),
            width: 44,
            allowDecimals: false,
          }}
          // Without a hovered bar, the tooltip asks for the label of undefined.
          tooltipProps={{ labelFormatter: (start) => (start ? formatLong(bucket, String(start)) : '') }}
          barProps={{ isAnimationActive: false, radius: [3, 3, 0, 0] }}
          barChartProps={{ accessibilityLayer: false, margin: { top: 8, right: 8, left: 0, bottom: 0 } }}
        />
      </div>
      <Text size="sm" component="div">
        <Button
          variant="transparent"
          c="dimmed"
          size="compact-xs"
          px={0}
          onClick={toggle}
          aria-expanded={opened}
        >
          {opened ? 'Hide the table' : 'As a table'}
        </Button>
      </Text>
      <Collapse expanded={opened}>
        {opened && (
          <DataTable
            label={label}
            columns={[{ label: `Each ${bucketNames[bucket]}` }, { label: 'Used', numeric: true }]}
            minWidth={240}
          >
            {points.map(({ start, used }) => (
              <Table.Tr key={start}>
                <Table.Td>{formatLong(bucket, start)}</Table.Td>
                <Table.Td ta="right">{formatNumber(used)}</Table.Td>
              </Table.Tr>
            ))}
          </DataTable>
        )}
      </Collapse>
    </div>
  );
}
