import { Alert, Badge, Button, Group, Table, TagsInput, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import {
  CreateWebhookDocument,
  DeleteWebhookDocument,
  EnableWebhookDocument,
  TestWebhookDocument,
  WebhooksDocument,
  type WebhooksQuery,
} from '../generated/operations.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { DataTable } from '../parts/table.tsx';
import { Deliveries } from './deliveries.tsx';

const columns = [
  { label: 'Address' },
  { label: 'Events' },
  { label: 'Status' },
  { label: 'Actions', hidden: true },
];

type Webhook = WebhooksQuery['webhooks'][number];

export function Webhooks() {
  const webhooks = useAnswer(WebhooksDocument, {});
  const create = useCreate();
  const [shown, setShown] = useState<string | null>(null);
  return (
    <Card title="Webhooks" action={<NewWebhook create={create} />}>
      <Text c="dimmed">Addresses of yours that are told what happens, by signed messages.</Text>
      {create.data && (
        <Alert
          color="gray"
          role="status"
          title="Copy the secret of the webhook now. It is shown only once."
          withCloseButton
          closeButtonLabel="Hide the secret"
          onClose={create.reset}
        >
          <Copyable text={create.data.createWebhook.secret} />
        </Alert>
      )}
      <Answer of={webhooks}>
        {({ webhooks: known }) =>
          known.length === 0 ? (
            <Text c="dimmed">None.</Text>
          ) : (
            <DataTable label="Webhooks" columns={columns}>
              {known.map((webhook) => (
                <Table.Tr key={webhook.id}>
                  <Table.Td style={{ overflowWrap: 'anywhere' }}>{webhook.url}</Table.Td>
                  <Table.Td>{webhook.events.join(', ')}</Table.Td>
                  <Table.Td>
                    <Status webhook={webhook} />
                  </Table.Td>
                  <Table.Td>
                    <Actions webhook={webhook} onShow={() => setShown(webhook.id)} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </DataTable>
          )
        }
      </Answer>
      {shown !== null && <Deliveries webhookId={shown} />}
    </Card>
  );
}

const useCreate = () => useChange(CreateWebhookDocument);

function NewWebhook({ create }: { create: ReturnType<typeof useCreate> }) {
  const [url, setUrl] = useState('');
  const [events, setEvents] = useState<string[]>(['*']);
  return (
    <DialogButton
      label="New webhook"
      title="New webhook"
      submit="Create"
      change={create}
      button={{ variant: 'default', size: 'xs' }}
      onSubmit={() => create.mutateAsync({ input: { url, events } })}
    >
      <TextInput
        label="Address"
        placeholder="https://example.com/webhooks"
        value={url}
        onChange={(event) => setUrl(event.currentTarget.value)}
      />
      <TagsInput
        label="Events"
        description="Such as usage.threshold_reached; user.* is all of a kind, * is all."
        value={events}
        onChange={setEvents}
      />
    </DialogButton>
  );
}

function Status({ webhook }: { webhook: Webhook }) {
  if (webhook.disabledAt !== null) return <Text size="sm">Disabled. {webhook.disabledReason}</Text>;
  return (
    <Badge radius="sm" tt="none" color={webhook.failingSince === null ? undefined : 'red'}>
      {webhook.failingSince === null ? 'Enabled' : 'Failing'}
    </Badge>
  );
}

function Actions({ webhook, onShow }: { webhook: Webhook; onShow: () => void }) {
  const test = useChange(TestWebhookDocument);
  const enable = useChange(EnableWebhookDocument);
  const remove = useChange(DeleteWebhookDocument);
  const { id, url } = webhook;
  const button = (label: string, onClick: () => void, loading = false) => (
    <Button variant="subtle" color="gray" size="xs" aria-label={`${label}: ${url}`} {...{ onClick, loading }}>
      {label}
    </Button>
  );
  return (
    <>
      <Group gap={4} justify="end" wrap="nowrap">
        {button('Deliveries', onShow)}
        {webhook.disabledAt === null
          ? button('Test', () => test.mutate({ id }, { onSuccess: onShow }), test.isPending)
          : button('Enable', () => enable.mutate({ id }), enable.isPending)}
        <DialogButton
          label="Delete"
          about={url}
          title="Delete this webhook?"
          submit="Delete"
          change={remove}
          danger
          button={{ variant: 'subtle', color: 'gray', size: 'xs' }}
          onSubmit={() => remove.mutateAsync({ id })}
        >
          <Text>Nothing more is sent to {url}, and its deliveries are deleted.</Text>
        </DialogButton>
      </Group>
      <Failure error={test.error ?? enable.error} />
    </>
  );
}
