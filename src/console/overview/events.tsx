import { Anchor, Group, SimpleGrid, Stack, Text } from '@mantine/core';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';
import type { OverviewQuery } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { Figure } from '../parts/figure.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { EventTable } from '../segment/event-table.tsx';
import { inWords } from '../segment/outcomes.ts';

/** Segment: the last event, the unmatched and waiting ones, and the latest events. */
export function Events(props: {
  status: OverviewQuery['segmentStatus'];
  events: OverviewQuery['segmentEvents'];
}) {
  const { status, events } = props;
  const paths = usePaths();
  return (
    <Card
      title="Segment"
      action={
        <Anchor component={Link} to={paths.segment} fz="sm">
          Events and rules
        </Anchor>
      }
    >
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        <Figure label="Last event" to={paths.eventLog()}>
          {status.lastEventAt === null ? 'None yet' : <Moment at={status.lastEventAt} />}
        </Figure>
        <Figure
          label="Unmatched events"
          to={status.unmatched > 0 ? paths.unmatchedEvents : paths.eventLog('UNMATCHED')}
        >
          {formatNumber(status.unmatched)}
        </Figure>
        <Figure label="Waiting for their user" to={paths.eventLog('PENDING_USER')}>
          {formatNumber(status.pendingEvents)}
        </Figure>
      </SimpleGrid>
      {events.length > 0 && (
        <>
          <Outcomes counts={status.outcomes} />
          <EventTable label="Latest events" events={events} />
        </>
      )}
    </Card>
  );
}

/** The API returns the outcomes of at most this many events. */
const counted = 10_000;

function Outcomes({ counts }: { counts: OverviewQuery['segmentStatus']['outcomes'] }) {
  const paths = usePaths();
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  return (
    <Stack gap={4}>
      <Text size="sm" c="dimmed">
        What became of {total >= counted ? `the latest ${formatNumber(counted)} events` : 'the events'}
      </Text>
      <Group gap="lg" component="ul" m={0} p={0} style={{ listStyle: 'none' }} role="list">
        {counts.map(({ outcome, count }) => (
          <Text key={outcome} component="li" size="sm">
            <Anchor component={Link} to={paths.eventLog(outcome)}>
              {inWords(outcome)}
            </Anchor>
            : <strong>{formatNumber(count)}</strong>
          </Text>
        ))}
      </Group>
    </Stack>
  );
}
