import { SimpleGrid, Table, Text } from '@mantine/core';
import type { SegmentQuery } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';
import { RuleButton } from './rule-dialog.tsx';

const byName = [
  { label: 'Event name' },
  { label: 'Events', numeric: true },
  { label: 'Actions', hidden: true },
];
const byProperty = [{ label: 'Property' }, { label: 'Value' }, ...byName.slice(1)];

/** Unmatched events in groups; each group can become a rule. */
export function Unmatched({ events }: { events: SegmentQuery['unmatchedEvents'] }) {
  return (
    <Card title="Unmatched events" id="unmatched">
      <Text c="dimmed">
        These events are stored. Create a rule for a group: it counts them as usage, past events included.
      </Text>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <DataTable label="Unmatched events by name" columns={byName} minWidth={320}>
          {events.byEventName.map(({ eventName, count }) => (
            <Table.Tr key={eventName}>
              <Table.Td>{eventName}</Table.Td>
              <Table.Td ta="right">{formatNumber(count)}</Table.Td>
              <Table.Td ta="right">
                <RuleButton
                  label="Create rule"
                  about={eventName}
                  start={{ name: eventName, featureId: '', eventName, conditions: [] }}
                />
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
        <DataTable label="Unmatched events by property" columns={byProperty} minWidth={320}>
          {events.byProperty.map(({ path, value, count }) => (
            <Table.Tr key={`${path} ${value}`}>
              <Table.Td>{path}</Table.Td>
              <Table.Td style={{ overflowWrap: 'anywhere' }}>{value}</Table.Td>
              <Table.Td ta="right">{formatNumber(count)}</Table.Td>
              <Table.Td ta="right">
                <RuleButton
                  label="Create rule"
                  about={`${path} = ${value}`}
                  start={{
                    name: `${path} is ${value}`.slice(0, 255),
                    featureId: '',
                    eventName: '',
                    conditions: [{ path, equals: value }],
                  }}
                />
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      </SimpleGrid>
    </Card>
  );
}
