import { Switch, TagsInput, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useChange } from '../api/hooks.ts';
import {
  CreateWebhookDocument,
  DeleteWebhookDocument,
  RotateWebhookSecretDocument,
  UpdateWebhookDocument,
  type WebhookFragment,
} from '../generated/operations.ts';
import { DialogButton } from '../parts/dialog.tsx';
import { eventPatterns, explainEvents } from './event-types.ts';

const inRow = { variant: 'subtle', color: 'gray', size: 'xs' } as const;

/** What is chosen about a webhook. */
interface Terms {
  url: string;
  events: string[];
  includePersonalData: boolean;
}

const blank: Terms = { url: '', events: ['*'], includePersonalData: false };

function TermFields({ terms, onChange }: { terms: Terms; onChange: (terms: Terms) => void }) {
  return (
    <>
      <TextInput
        label="Address"
        description="Messages are posted to it."
        placeholder="https://example.com/webhooks"
        value={terms.url}
        onChange={(event) => onChange({ ...terms, url: event.currentTarget.value })}
      />
      <TagsInput
        label="Events"
        description="user.* is all events of a kind; * is all events but seal.created."
        data={eventPatterns}
        renderOption={({ option: { value } }) => (
          <div>
            <Text size="sm">{value}</Text>
            <Text size="xs" c="dimmed">
              {explainEvents(value)}
            </Text>
          </div>
        )}
        value={terms.events}
        onChange={(events) => onChange({ ...terms, events })}
      />
      <Switch
        label="Send personal data"
        description="Messages about a user hold the name, email, billing id and metadata. Otherwise ids only."
        checked={terms.includePersonalData}
        onChange={(event) => onChange({ ...terms, includePersonalData: event.currentTarget.checked })}
      />
    </>
  );
}

const isIncomplete = ({ url, events }: Terms) => url.trim() === '' || events.length === 0;

export function NewWebhook({ onSecret }: { onSecret: (secret: string) => void }) {
  const create = useChange(CreateWebhookDocument);
  const [terms, setTerms] = useState(blank);
  return (
    <DialogButton
      label="New webhook"
      title="New webhook"
      submit="Create"
      change={create}
      button={{ variant: 'default', size: 'xs' }}
      blocked={isIncomplete(terms)}
      onOpen={() => setTerms(blank)}
      onSubmit={async () => onSecret((await create.mutateAsync({ input: terms })).createWebhook.secret)}
    >
      <TermFields terms={terms} onChange={setTerms} />
    </DialogButton>
  );
}

export function EditWebhook({ webhook }: { webhook: WebhookFragment }) {
  const { id, url, events, includePersonalData } = webhook;
  const update = useChange(UpdateWebhookDocument);
  const initial = { url, events: [...events], includePersonalData, enabled: webhook.disabledAt === null };
  const [terms, setTerms] = useState(initial);
  return (
    <DialogButton
      label="Edit"
      about={url}
      title="Edit the webhook"
      submit="Save"
      change={update}
      button={inRow}
      blocked={isIncomplete(terms)}
      onOpen={() => setTerms(initial)}
      onSubmit={() => update.mutateAsync({ id, input: terms })}
    >
      <TermFields terms={terms} onChange={(changed) => setTerms({ ...terms, ...changed })} />
      <Switch
        label="Enabled"
        description="While it is disabled, nothing is sent, and new events are not kept for it."
        checked={terms.enabled}
        onChange={(event) => setTerms({ ...terms, enabled: event.currentTarget.checked })}
      />
    </DialogButton>
  );
}

export function RotateSecret(props: { webhook: WebhookFragment; onSecret: (secret: string) => void }) {
  const { webhook, onSecret } = props;
  const { id, url, previousSecretUntil } = webhook;
  const rotate = useChange(RotateWebhookSecretDocument);
  return (
    <DialogButton
      label="Rotate"
      about={url}
      title="Make a new secret?"
      submit="Make a new secret"
      change={rotate}
      button={inRow}
      onSubmit={async () => onSecret((await rotate.mutateAsync({ id })).rotateWebhookSecret.secret)}
    >
      <Text>
        For 24 hours each message has two signatures, one by the old secret and one by the new. Then the old
        secret signs no more. The new one is shown once.
      </Text>
      {isAhead(previousSecretUntil) && (
        <Text fw={600}>
          The secret was rotated less than 24 hours ago: the secret before that signs too until its 24 hours
          are over.
        </Text>
      )}
    </DialogButton>
  );
}

/** Whether an instant is ahead. */
export const isAhead = (at: string | null): at is string => at !== null && new Date(at) > new Date();

export function DeleteWebhook({ webhook: { id, url } }: { webhook: WebhookFragment }) {
  const remove = useChange(DeleteWebhookDocument);
  return (
    <DialogButton
      label="Delete"
      about={url}
      title="Delete this webhook?"
      submit="Delete"
      change={remove}
      danger
      button={inRow}
      onSubmit={() => remove.mutateAsync({ id })}
    >
      <Text>Nothing more is sent to {url}, and its deliveries are deleted.</Text>
    </DialogButton>
  );
}
