import { Anchor, Table, UnstyledButton } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';
import type { EventFragment } from '../generated/operations.ts';
import { Moment } from '../parts/moment.tsx';
import { DataTable } from '../parts/table.tsx';
import { EventDialog } from './event-dialog.tsx';
import { EventUser } from './event-user.tsx';
import { inWords } from './outcomes.ts';

// The form is loaded once an event is open: the overview does not need it.
const RuleDialog = lazy(() => import('./rule-dialog.tsx').then((parts) => ({ default: parts.RuleDialog })));

const columns = [
  { label: 'Event' },
  { label: 'User' },
  { label: 'Received', wide: true },
  { label: 'Outcome' },
];

/** Events with their outcomes. Each opens in a dialog; an unmatched one can become a rule. */
export function EventTable({ label, events }: { label: string; events: readonly EventFragment[] }) {
  const [chosen, setChosen] = useState<EventFragment | null>(null);
  const [opened, setOpened] = useState<'event' | 'rule' | null>(null);
  // The current state of the event while it is in the list.
  const shown = events.find(({ messageId }) => messageId === chosen?.messageId) ?? chosen;
  const eventName = shown?.eventName ?? '';
  return (
    <>
      <DataTable label={label} columns={columns}>
        {events.map((event) => (
          <Row
            key={event.messageId}
            event={event}
            onShow={() => {
              setChosen(event);
              setOpened('event');
            }}
          />
        ))}
      </DataTable>
      <EventDialog
        event={shown}
        opened={opened === 'event'}
        returnFocus={opened !== 'rule'}
        onClose={() => setOpened(null)}
        onMakeRule={() => setOpened('rule')}
      />
      {shown !== null && (
        <Suspense fallback={null}>
          <RuleDialog
            key={shown.messageId}
            opened={opened === 'rule'}
            onClose={() => setOpened(null)}
            start={{ name: eventName, featureId: '', eventName, conditions: [] }}
          />
        </Suspense>
      )}
    </>
  );
}

function Row({ event, onShow }: { event: EventFragment; onShow: () => void }) {
  const paths = usePaths();
  const { outcome, feature, rule } = event;
  return (
    <Table.Tr>
      <Table.Td>
        <UnstyledButton onClick={onShow} td="underline" fz="sm">
          {event.eventName ?? 'identify'}
        </UnstyledButton>
      </Table.Td>
      <Table.Td>
        <span className="short third">
          <EventUser event={event} />
        </span>
      </Table.Td>
      <Table.Td>
        <Moment at={event.receivedAt} />
      </Table.Td>
      <Table.Td>
        {inWords(outcome)}
        {feature && (
          <>
            {' as '}
            <Anchor component={Link} to={paths.feature(feature.id)} underline="always">
              {feature.name}
            </Anchor>
            {rule && ` by “${rule.name}”`}
          </>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
