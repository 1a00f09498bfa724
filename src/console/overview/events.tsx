import { Anchor, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';
import type { OverviewQuery } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { Facts } from '../parts/facts.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { EventTable } from '../segment/event-table.tsx';
import { inWords } from '../segment/outcomes.ts';

type Status = OverviewQuery['segmentStatus'];

/** The latest events of Segment. */
export function Events({ events }: { events: OverviewQuery['segmentEvents'] }) {
  const paths = usePaths();
  return (
    <Card
      title="Latest events"
      action={
        <Anchor component={Link} to={paths.eventLog()} fz="sm">
          All events
        </Anchor>
      }
    >
      <EventTable label="Latest events" events={events} />
    </Card>
  );
}

/** Segment: the last event, and what became of the events. */
export function EventStatus({ status }: { status: Status }) {
  const paths = usePaths();
  const { outcomes, lastEventAt } = status;
  const total = outcomes.reduce((sum, { count }) => sum + count, 0);
  return (
    <Card
      title="Segment"
      action={
        <Anchor component={Link} to={paths.segment} fz="sm">
          Events and rules
        </Anchor>
      }
    >
      <Facts
        facts={[
          ['Last event', lastEventAt === null ? 'None yet' : <Moment key="at" at={lastEventAt} />],
          [
            <Anchor
              key="unmatched"
              component={Link}
              to={status.unmatched > 0 ? paths.unmatchedEvents : paths.eventLog('UNMATCHED')}
            >
              Unmatched events
            </Anchor>,
            formatNumber(status.unmatched),
          ],
          [
            <Anchor key="waiting" component={Link} to={paths.eventLog('PENDING_USER')}>
              Waiting for their user
            </Anchor>,
            formatNumber(status.pendingEvents),
          ],
          ...outcomes
            .filter(({ outcome }) => outcome !== 'UNMATCHED' && outcome !== 'PENDING_USER')
            .map(({ outcome, count }): [ReactNode, ReactNode] => [
              <Anchor key={outcome} component={Link} to={paths.eventLog(outcome)}>
                {inWords(outcome)}
              </Anchor>,
              formatNumber(count),
            ]),
        ]}
      />
      {total >= counted && (
        <Text size="xs" c="dimmed">
          Of the latest {formatNumber(counted)} events.
        </Text>
      )}
    </Card>
  );
}

/** The API returns the outcomes of at most this many events. */
const counted = 10_000;
