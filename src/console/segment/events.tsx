import { Select, Text } from '@mantine/core';
import { useNavigate, useSearchParams } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { SegmentEventsDocument, type SegmentOutcome } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Pager, usePages } from '../parts/pager.tsx';
import { EventTable } from './event-table.tsx';
import { isShown, outcomes } from './outcomes.ts';

const pageSize = 20;

/** The event log, newest first. The URL holds the outcome filter. */
export function Events() {
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const asked = search.get('outcome');
  const outcome = isShown(asked) ? asked : null;
  return (
    <Card
      title="Event log"
      action={
        <Select
          aria-label="Outcome"
          placeholder="Every outcome"
          clearable
          clearButtonProps={{ 'aria-label': 'Every outcome' }}
          data={Object.entries(outcomes).map(([value, label]) => ({ value, label }))}
          value={outcome}
          onChange={(value) =>
            navigate(
              { search: isShown(value) ? `outcome=${value}` : '', hash: 'events' },
              { replace: true, preventScrollReset: true },
            )
          }
        />
      }
    >
      <Log key={outcome} outcome={outcome} />
    </Card>
  );
}

function Log({ outcome }: { outcome: SegmentOutcome | null }) {
  const pages = usePages();
  const variables = { outcome, first: pageSize, after: pages.after };
  const answer = useAnswer(SegmentEventsDocument, variables, { keepPrevious: true, every: 3_000 });
  return (
    <Answer of={answer}>
      {({ segmentEvents }) =>
        segmentEvents.length === 0 && pages.isFirst ? (
          <Text c="dimmed">No events {outcome === null ? 'yet' : 'with this outcome'}.</Text>
        ) : (
          <>
            <EventTable label="Events" events={segmentEvents} />
            <Pager
              pages={pages}
              full={segmentEvents.length === pageSize}
              last={segmentEvents.at(-1)?.messageId}
            />
          </>
        )
      }
    </Answer>
  );
}
