import { ActionIcon, Anchor, Group, SegmentedControl, Stack, Table, Text, Title } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { lazy, useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import {
  type DeliveryFragment,
  RedeliverDocument,
  TestWebhookDocument,
  WebhookDeliveriesDocument,
  type WebhookDeliveryState,
  type WebhookFragment,
} from '../generated/operations.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { Answer, Empty, Failure } from '../parts/answer.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatCount } from '../parts/numbers.ts';
import { OpenButton, useDialog } from '../parts/opener.tsx';
import { Pager, usePages } from '../parts/pager.tsx';
import { State } from '../parts/state.tsx';
import { DataTable } from '../parts/table.tsx';
import { answerOf, stateNames, subjectOf } from './delivery-terms.ts';
import { Resent, useResending } from './resending.tsx';

const DeliveryDialog = lazy(async () => ({
  default: (await import('./delivery-dialog.tsx')).DeliveryDialog,
}));
const SpanDialog = lazy(async () => ({ default: (await import('./span-dialog.tsx')).SpanDialog }));

const columns = [
  { label: 'Message' },
  { label: 'When', wide: true },
  { label: 'State' },
  { label: 'Answer', wide: true },
  { label: 'Actions', hidden: true },
];

/** How often the deliveries are read again, in milliseconds. */
const refreshMs = 2_000;
const pageSize = 20;

type Filter = WebhookDeliveryState | 'ALL';

const filters: { value: Filter; label: string }[] = [
  { value: 'ALL', label: 'All' },
  ...(Object.keys(stateNames) as WebhookDeliveryState[]).map((value) => ({
    value,
    label: stateNames[value],
  })),
];

/** The messages to a webhook, newest first. Each opens with its request and the last answer. */
export function Deliveries({ webhook, onClose }: { webhook: WebhookFragment; onClose: () => void }) {
  const [filter, setFilter] = useState<Filter>('ALL');
  const resending = useResending();
  const isDisabled = webhook.disabledAt !== null;
  return (
    <Stack component="section" aria-label="Deliveries of the webhook" gap="sm" mt="md">
      <Group justify="space-between" wrap="nowrap" align="start">
        <Title order={3} size="h5" style={{ overflowWrap: 'anywhere' }}>
          Deliveries to {webhook.url}
        </Title>
        <ActionIcon variant="subtle" color="gray" aria-label="Hide the deliveries" onClick={onClose}>
          <IconX size={16} />
        </ActionIcon>
      </Group>
      <Text size="sm" c="dimmed">
        Open a message to see what was sent and what was answered.
        {isDisabled && ' The webhook is disabled: nothing is sent or kept for it. Enable it to send again.'}
      </Text>
      <Group justify="space-between">
        <SegmentedControl
          aria-label="State"
          size="xs"
          data={filters}
          value={filter}
          onChange={(value) => setFilter(value as Filter)}
        />
        {!isDisabled && (
          <OpenButton
            label="Send several again"
            button={{ variant: 'default', size: 'xs' }}
            dialog={(given) => <SpanDialog webhook={webhook} resending={resending} {...given} />}
          />
        )}
      </Group>
      <Resent resending={resending} />
      <Listed key={filter} webhook={webhook} state={filter === 'ALL' ? null : filter} />
    </Stack>
  );
}

function Listed({ webhook, state }: { webhook: WebhookFragment; state: WebhookDeliveryState | null }) {
  const pages = usePages();
  const { after } = pages;
  const variables = { id: webhook.id, state, first: pageSize, ...(after === undefined ? {} : { after }) };
  const deliveries = useAnswer(WebhookDeliveriesDocument, variables, {
    every: refreshMs,
    keepPrevious: true,
  });
  const redeliver = useChange(RedeliverDocument);
  return (
    <>
      <Failure error={redeliver.error} />
      <Answer of={deliveries}>
        {({ webhookDeliveries: listed }) =>
          listed.length === 0 && pages.isFirst ? (
            <Nothing webhook={webhook} state={state} />
          ) : (
            <>
              <DataTable label="Deliveries" columns={columns}>
                {listed.map((each) => (
                  <Row
                    key={each.id}
                    delivery={each}
                    isDisabled={webhook.disabledAt !== null}
                    onSendAgain={() => redeliver.mutate({ id: each.id })}
                    isSending={redeliver.isPending && redeliver.variables.id === each.id}
                  />
                ))}
              </DataTable>
              <Pager pages={pages} full={listed.length === pageSize} last={listed.at(-1)?.id} />
            </>
          )
        }
      </Answer>
    </>
  );
}

function Nothing({ webhook, state }: { webhook: WebhookFragment; state: WebhookDeliveryState | null }) {
  const test = useChange(TestWebhookDocument);
  if (state !== null)
    return (
      <Text c="dimmed" ta="center" py="lg">
        No deliveries in the state {stateNames[state]}.
      </Text>
    );
  return (
    <>
      <Empty
        title="Nothing was sent yet"
        action={
          webhook.disabledAt === null && (
            <ActionButton loading={test.isPending} onClick={() => test.mutate({ id: webhook.id })}>
              Send a test message
            </ActionButton>
          )
        }
      >
        Messages appear here as they are sent, with the answer of your receiver, and stay for 14 days.
      </Empty>
      <Failure error={test.error} />
    </>
  );
}

const tones: Record<WebhookDeliveryState, 'good' | 'bad' | undefined> = {
  PENDING: undefined,
  DELIVERED: 'good',
  DEAD: 'bad',
};

function Row(props: {
  delivery: DeliveryFragment;
  isDisabled: boolean;
  onSendAgain: () => void;
  isSending: boolean;
}) {
  const { delivery, isDisabled, onSendAgain, isSending } = props;
  const { type, state, attempts, createdAt, nextAttemptAt } = delivery;
  const about = subjectOf(delivery);
  const details = useDialog((given) => <DeliveryDialog delivery={delivery} {...given} />);
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor component="button" type="button" fz="sm" ta="left" onClick={() => details.open()}>
          {type}
        </Anchor>
        {about !== '' && (
          <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {about}
          </Text>
        )}
        <Text size="xs" c="dimmed" hiddenFrom="sm" component="div">
          <Moment at={createdAt} />
        </Text>
        {details.shown}
      </Table.Td>
      <Table.Td>
        <Moment at={createdAt} />
      </Table.Td>
      <Table.Td>
        <State tone={tones[state]}>{stateNames[state]}</State>
        <Text size="sm" c="dimmed">
          {formatCount(attempts, 'attempt')}
          {nextAttemptAt !== null && attempts > 0 && (
            <>
              , next <Moment at={nextAttemptAt} />
            </>
          )}
        </Text>
      </Table.Td>
      <Table.Td>
        <Text size="sm" lineClamp={2} style={{ overflowWrap: 'anywhere' }}>
          {answerOf(delivery)}
        </Text>
      </Table.Td>
      <Table.Td ta="right">
        <ActionButton
          variant="subtle"
          color="gray"
          size="xs"
          aria-label={`Send again: ${type}`}
          loading={isSending}
          disabled={isDisabled}
          onClick={onSendAgain}
        >
          Send again
        </ActionButton>
      </Table.Td>
    </Table.Tr>
  );
}
