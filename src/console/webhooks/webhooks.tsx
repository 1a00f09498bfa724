import { Alert, Anchor, Button, Group, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import { basePath } from '../frame/base-path.ts';
import {
  TestWebhookDocument,
  UpdateWebhookDocument,
  type WebhookFragment,
  WebhooksDocument,
} from '../generated/operations.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { Answer, Empty, Failure } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Moment } from '../parts/moment.tsx';
import { useIsPhone } from '../parts/phone.ts';
import { State } from '../parts/state.tsx';
import { DataTable } from '../parts/table.tsx';
import { Deliveries } from './deliveries.tsx';
import { DeleteWebhook, EditWebhook, isAhead, NewWebhook, RotateSecret } from './webhook-dialogs.tsx';

const columns = [
  { label: 'Address' },
  { label: 'Events', wide: true },
  { label: 'Status' },
  { label: 'Actions', hidden: true, wide: true },
];

/** How often the status is read again, in milliseconds. */
const refreshMs = 5_000;

export function Webhooks() {
  const webhooks = useAnswer(WebhooksDocument, {}, { every: refreshMs });
  const [secret, setSecret] = useState<string | null>(null);
  const isPhone = useIsPhone();
  const [shownId, setShownId] = useState<string | null>(null);
  const create = <NewWebhook onSecret={setSecret} />;
  const actions = (webhook: WebhookFragment) => (
    <Actions webhook={webhook} onShow={() => setShownId(webhook.id)} onSecret={setSecret} />
  );
  const isEmpty = webhooks.data?.webhooks.length === 0;
  const shown = webhooks.data?.webhooks.find(({ id }) => id === shownId);
  return (
    <Card title="Webhooks" action={isEmpty ? undefined : create}>
      <Text c="dimmed">
        {!isEmpty && 'Addresses of yours that are told what happens, by signed messages. '}
        {isEmpty && 'To be told at 80% of a limit, set it at the feature when you edit a package. '}
        <Anchor href={`${basePath()}/docs/guides/webhooks.md`} target="_blank" underline="always">
          How to receive them
        </Anchor>
      </Text>
      {secret !== null && (
        <Alert
          color="gray"
          role="status"
          title="Copy the secret of the webhook now. It is shown only once."
          withCloseButton
          closeButtonLabel="Hide the secret"
          onClose={() => setSecret(null)}
        >
          <Copyable text={secret} />
        </Alert>
      )}
      <Answer of={webhooks}>
        {({ webhooks: known }) =>
          known.length === 0 ? (
            <Empty title="No webhooks yet" action={create}>
              A webhook is an address of yours that is told what happens, by signed messages: somebody has
              used 80% of a limit, a subscription ended.
            </Empty>
          ) : (
            <DataTable label="Webhooks" columns={columns} minWidth={isPhone ? 280 : 860}>
              {known.map((webhook) => (
                <Table.Tr key={webhook.id}>
                  <Table.Td style={{ overflowWrap: 'anywhere' }}>
                    {webhook.url}
                    {isPhone && (
                      <>
                        <Text size="xs" c="dimmed">
                          {webhook.events.join(', ')}
                        </Text>
                        {actions(webhook)}
                      </>
                    )}
                  </Table.Td>
                  <Table.Td>{webhook.events.join(', ')}</Table.Td>
                  <Table.Td>
                    <Status webhook={webhook} />
                  </Table.Td>
                  <Table.Td>{!isPhone && actions(webhook)}</Table.Td>
                </Table.Tr>
              ))}
            </DataTable>
          )
        }
      </Answer>
      {shown !== undefined && <Deliveries key={shown.id} webhook={shown} onClose={() => setShownId(null)} />}
    </Card>
  );
}

function Status({ webhook }: { webhook: WebhookFragment }) {
  const { disabledAt, disabledReason, failingSince, previousSecretUntil } = webhook;
  if (disabledAt !== null)
    return (
      <>
        <State tone="bad">Disabled</State>
        <Text size="sm" c="dimmed">
          since <Moment at={disabledAt} />. {disabledReason}
        </Text>
      </>
    );
  return (
    <>
      <State tone={failingSince === null ? 'good' : 'bad'}>
        {failingSince === null ? 'Enabled' : 'Failing'}
      </State>
      {failingSince !== null && (
        <Text size="sm" c="dimmed">
          since <Moment at={failingSince} />; disabled after 3 days
        </Text>
      )}
      {isAhead(previousSecretUntil) && (
        <Text size="sm" c="dimmed">
          Old secret signs too until <Moment at={previousSecretUntil} />
        </Text>
      )}
    </>
  );
}

function Actions(props: {
  webhook: WebhookFragment;
  onShow: () => void;
  onSecret: (secret: string) => void;
}) {
  const { webhook, onShow, onSecret } = props;
  const test = useChange(TestWebhookDocument);
  const enable = useChange(UpdateWebhookDocument);
  const { id, url } = webhook;
  const button = (label: string, onClick: () => void, loading = false) => (
    <ActionButton
      variant="subtle"
      color="gray"
      size="xs"
      aria-label={`${label}: ${url}`}
      {...{ onClick, loading }}
    >
      {label}
    </ActionButton>
  );
  return (
    <>
      <Group gap={4} className="actions" justify="end">
        <Button variant="subtle" color="gray" size="xs" aria-label={`Deliveries: ${url}`} onClick={onShow}>
          Deliveries
        </Button>
        {webhook.disabledAt === null
          ? button('Test', () => test.mutate({ id }, { onSuccess: onShow }), test.isPending)
          : button('Enable', () => enable.mutate({ id, input: { enabled: true } }), enable.isPending)}
        <EditWebhook webhook={webhook} />
        <RotateSecret webhook={webhook} onSecret={onSecret} />
        <DeleteWebhook webhook={webhook} />
      </Group>
      <Failure error={test.error ?? enable.error} />
    </>
  );
}
