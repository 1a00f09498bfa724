import { Anchor, Code, Modal, Select, Table, Text, UnstyledButton } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import {
  SegmentEventsDocument,
  type SegmentEventsQuery,
  type SegmentOutcome,
} from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Moment } from '../parts/moment.tsx';
import { Pager, usePages } from '../parts/pager.tsx';
import { DataTable } from '../parts/table.tsx';
import { isShown, outcomes } from './outcomes.ts';

const pageSize = 20;
const columns = [{ label: 'Event' }, { label: 'User' }, { label: 'Arrived' }, { label: 'Outcome' }];

type Event = SegmentEventsQuery['segmentEvents'][number];

/** Every event that arrived, the newest first, and what became of it. */
export function Events() {
  const [outcome, setOutcome] = useState<keyof typeof outcomes | null>(null);
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
          onChange={(value) => setOutcome(isShown(value) ? value : null)}
        />
      }
    >
      <Log key={outcome} outcome={outcome} />
    </Card>
  );
}

function Log({ outcome }: { outcome: SegmentOutcome | null }) {
  const pages = usePages();
  const [shown, setShown] = useState<Event | null>(null);
  const variables = { outcome, first: pageSize, after: pages.after };
  const answer = useAnswer(SegmentEventsDocument, variables, { keepPrevious: true, every: 3_000 });
  return (
    <Answer of={answer}>
      {({ segmentEvents }) =>
        segmentEvents.length === 0 && pages.isFirst ? (
          <Text c="dimmed">No events {outcome === null ? 'yet' : 'with this outcome'}.</Text>
        ) : (
          <>
            <DataTable label="Events" columns={columns}>
              {segmentEvents.map((event) => (
                <Row key={event.messageId} event={event} onShow={() => setShown(event)} />
              ))}
            </DataTable>
            <Pager
              pages={pages}
              full={segmentEvents.length === pageSize}
              last={segmentEvents.at(-1)?.messageId}
            />
            <Payload event={shown} onClose={() => setShown(null)} />
          </>
        )
      }
    </Answer>
  );
}

function Row({ event, onShow }: { event: Event; onShow: () => void }) {
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
        {event.user === null ? (
          event.userId
        ) : (
          <Anchor component={Link} to={paths.user(event.user.id)}>
            {event.user.id}
          </Anchor>
        )}
      </Table.Td>
      <Table.Td>
        <Moment at={event.receivedAt} />
      </Table.Td>
      <Table.Td>
        {isShown(outcome) ? outcomes[outcome] : 'Being processed'}
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

function Payload({ event, onClose }: { event: Event | null; onClose: () => void }) {
  return (
    <Modal.Root opened={event !== null} onClose={onClose} size="lg">
      <Modal.Overlay />
      <Modal.Content>
        <Modal.Body>
          <Modal.CloseButton aria-label="Close" />
          <Modal.Title fw={600} mb="sm">
            {event?.eventName ?? 'identify'}
          </Modal.Title>
          {event && <Copyable text={event.messageId} />}
          <Code block mt="sm" mah="70vh" style={{ overflow: 'auto' }} tabIndex={0}>
            {JSON.stringify(event?.payload, null, 2)}
          </Code>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
