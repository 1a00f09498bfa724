import { SimpleGrid, Table, Text } from '@mantine/core';
import type { SegmentQuery } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';
import { RuleButton } from './rule-dialog.tsx';

const byName = [
  { label: 'Event name' },
  { label: 'Events', numeric: true },
  { label: 'What can be done', hidden: true },
];
const byProperty = [{ label: 'Property' }, { label: 'Value' }, ...byName.slice(1)];

/** What the events that no rule claims have in common: each group is the beginning of a rule. */
export function Unmatched({ events }: { events: SegmentQuery['unmatchedEvents'] }) {
  return (
    <Card title="Events that no rule claims" id="unmatched">
      <Text c="dimmed">
        They are kept. Make a rule of a group, and they are counted as usage of a feature, back to the first.
      </Text>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <DataTable label="Unmatched events by name" columns={byName} minWidth={320}>
          {events.byEventName.map(({ eventName, count }) => (
            <Table.Tr key={eventName}>
              <Table.Td>{eventName}</Table.Td>
              <Table.Td ta="right">{formatNumber(count)}</Table.Td>
              <Table.Td ta="right">
                <RuleButton
                  label="Make a rule"
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
                  label="Make a rule"
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
