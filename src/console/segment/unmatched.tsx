import { Group, Progress, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import type { SegmentQuery } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';
import { RuleButton } from './rule-dialog.tsx';
import { byPath } from './tabs.ts';

const columns = [
  { label: 'Event name' },
  { label: 'Events', numeric: true },
  { label: 'Actions', hidden: true },
];

/** Unmatched events in groups, by their name and by each property; each group can become a rule. */
export function Unmatched({ events }: { events: SegmentQuery['unmatchedEvents'] }) {
  const properties = byPath(events.byProperty);
  if (events.byEventName.length === 0)
    return (
      <Card title="Unmatched events">
        <Text c="dimmed">None: each track event that came names a feature, or a rule claims it.</Text>
      </Card>
    );
  return (
    <Stack>
      <Card title="Unmatched events">
        <Text c="dimmed">
          These events are stored. Create a rule for a group: it counts them as usage, past events included.
        </Text>
        <DataTable label="Unmatched events by name" columns={columns} minWidth={320}>
          {events.byEventName.map(({ eventName, count }) => (
            <Table.Tr key={eventName}>
              <Table.Td style={{ overflowWrap: 'anywhere' }}>{eventName}</Table.Td>
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
      </Card>
      {properties.length > 0 && (
        <Card title="By property">
          <SimpleGrid
            cols={{ base: 1, md: properties.length === 1 ? 1 : 2 }}
            spacing="xl"
            verticalSpacing="lg"
          >
            {properties.map((property) => (
              <Property key={property.path} property={property} />
            ))}
          </SimpleGrid>
        </Card>
      )}
    </Stack>
  );
}

/** The values of one property, each with a bar as long as its count is large. */
function Property({ property }: { property: ReturnType<typeof byPath>[number] }) {
  const { path, total, values } = property;
  const most = values[0]?.count ?? 1;
  return (
    <section aria-label={`Property ${path}`}>
      <Group justify="space-between" wrap="nowrap" mb="xs">
        <Title order={3} size="h5" style={{ overflowWrap: 'anywhere' }}>
          {path}
        </Title>
        <Text size="sm" c="dimmed" style={{ whiteSpace: 'nowrap' }}>
          {formatCount(total, 'event')}
        </Text>
      </Group>
      <Stack gap="xs">
        {values.map(({ value, count }) => (
          <Group key={value} wrap="nowrap" gap="sm">
            <div style={{ flex: 1, minWidth: 0 }}>
              <Group justify="space-between" wrap="nowrap" gap="xs">
                <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
                  {value}
                </Text>
                <Text size="sm">{formatNumber(count)}</Text>
              </Group>
              <Progress
                value={(count * 100) / most}
                size="sm"
                color="var(--mantine-color-anchor)"
                aria-label={`${path} = ${value}: ${formatCount(count, 'event')}`}
              />
            </div>
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
          </Group>
        ))}
      </Stack>
    </section>
  );
}
