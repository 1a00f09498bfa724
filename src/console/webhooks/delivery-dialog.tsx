import { Code, Group, Modal, Stack, Text, Title } from '@mantine/core';
import type { DeliveryFragment } from '../generated/operations.ts';
import { CopyIcon } from '../parts/copyable.tsx';
import { DialogHead } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import type { Opened } from '../parts/opener.tsx';
import { headersOf } from './delivery-terms.ts';

/** The request of a delivery, and the last answer to it. */
export function DeliveryDialog(props: Opened & { delivery: DeliveryFragment }) {
  const { opened, onClose, delivery } = props;
  return (
    <Modal.Root opened={opened} onClose={onClose} size="lg">
      <Modal.Overlay />
      <Modal.Content>
        <DialogHead title={delivery.type} />
        <Modal.Body pt="sm">
          <Stack>
            <Request delivery={delivery} />
            <LastAnswer delivery={delivery} />
          </Stack>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

function Request({ delivery }: { delivery: DeliveryFragment }) {
  return (
    <Stack component="section" aria-label="Request" gap="xs">
      <Group gap={4}>
        <Title order={3} size="h5">
          Request
        </Title>
        <CopyIcon text={JSON.stringify(delivery.payload)} />
      </Group>
      <Block text={headersOf(delivery).join('\n')} />
      <Text size="sm" c="dimmed">
        The header webhook-signature is made anew for each attempt, and not kept. webhook-id stays the same:
        your receiver drops what it has seen.
      </Text>
      <Block text={JSON.stringify(delivery.payload, null, 2)} />
    </Stack>
  );
}

function LastAnswer({ delivery }: { delivery: DeliveryFragment }) {
  const { attempts, lastAttemptAt, durationMs, nextAttemptAt, responseStatus, responseBody, problem } =
    delivery;
  return (
    <Stack component="section" aria-label="Answer" gap="xs">
      <Title order={3} size="h5">
        Answer{responseStatus !== null && `: ${responseStatus}`}
      </Title>
      <Text size="sm">
        {lastAttemptAt === null ? (
          'Not sent yet.'
        ) : (
          <>
            Attempt {formatNumber(Math.max(attempts, 1))}, <Moment at={lastAttemptAt} />
            {durationMs !== null && `, ${formatNumber(durationMs)} ms`}.
          </>
        )}
        {nextAttemptAt !== null && (
          <>
            {' '}
            Sent next <Moment at={nextAttemptAt} />.
          </>
        )}
      </Text>
      {problem !== null && <Text size="sm">{problem}</Text>}
      {responseBody !== null && responseBody !== '' && <Block text={responseBody} />}
    </Stack>
  );
}

const Block = ({ text }: { text: string }) => (
  <Code
    block
    tabIndex={0}
    mah={320}
    style={{ overflow: 'auto', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}
  >
    {text}
  </Code>
);
