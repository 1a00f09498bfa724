import { Anchor, Button, Code, Group, Modal, SimpleGrid, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';
import type { EventFragment } from '../generated/operations.ts';
import { Copyable } from '../parts/copyable.tsx';
import { DialogHead } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { EventUser } from './event-user.tsx';
import { namesFeature } from './named.ts';
import { inWords } from './outcomes.ts';

/** One event: its outcome, what it touched, and the next step. */
export function EventDialog(props: {
  event: EventFragment | null;
  opened: boolean;
  /** Whether the focus returns to the opener. */
  returnFocus: boolean;
  onClose: () => void;
  onMakeRule: () => void;
}) {
  const { event, opened, returnFocus, onClose, onMakeRule } = props;
  return (
    <Modal.Root opened={opened} onClose={onClose} size="lg" returnFocus={returnFocus}>
      <Modal.Overlay />
      <Modal.Content>
        <DialogHead title={event?.eventName ?? 'identify'} />
        <Modal.Body pt="sm">
          {event && (
            <Stack>
              <Facts event={event} />
              <Next event={event} onMakeRule={onMakeRule} />
              <Code block mah="50vh" style={{ overflow: 'auto' }} tabIndex={0}>
                {JSON.stringify(event.payload, null, 2)}
              </Code>
            </Stack>
          )}
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

function Facts({ event }: { event: EventFragment }) {
  const { outcome, feature, rule, delta } = event;
  const paths = usePaths();
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs">
      <Fact label="Outcome">{inWords(outcome)}</Fact>
      <Fact label="User">
        <EventUser event={event} />
        {outcome === 'PENDING_USER' && ', not known yet'}
      </Fact>
      {feature && (
        <Fact label="Feature">
          {delta !== null && `${formatNumber(delta)} of `}
          <Anchor component={Link} to={paths.feature(feature.id)}>
            {feature.name}
          </Anchor>
        </Fact>
      )}
      {feature && (
        <Fact label="Rule">
          {rule === null ? (
            matchedWithoutRule(event.payload, feature.id)
          ) : (
            <Anchor component={Link} to={paths.mappingRules}>
              {rule.name}
            </Anchor>
          )}
        </Fact>
      )}
      <Fact label="Received">
        <Moment at={event.receivedAt} />
      </Fact>
      <Fact label="Message id">
        <Copyable text={event.messageId} />
      </Fact>
    </SimpleGrid>
  );
}

const matchedWithoutRule = (payload: unknown, featureId: string) =>
  namesFeature(payload, featureId) ? 'No rule: it names the feature itself' : 'A rule that is deleted';

const Fact = ({ label, children }: { label: string; children: ReactNode }) => (
  <div>
    <Text size="sm" c="dimmed">
      {label}
    </Text>
    <Text component="div" style={{ overflowWrap: 'anywhere' }}>
      {children}
    </Text>
  </div>
);

/** The next step for an event that does not count yet. */
function Next({ event, onMakeRule }: { event: EventFragment; onMakeRule: () => void }) {
  const paths = usePaths();
  if (event.outcome === 'UNMATCHED')
    return (
      <Group>
        <Button onClick={onMakeRule}>Create rule</Button>
      </Group>
    );
  if (event.outcome === 'PENDING_USER')
    return (
      <Text size="sm">
        It is counted as soon as there is a user with this id: make one under{' '}
        <Anchor component={Link} to={paths.users} underline="always">
          Users
        </Anchor>
        , or let Segment identify the user.
      </Text>
    );
  return null;
}
