import { Select, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer } from '../api/hooks.ts';
import {
  WebhookDeliveryCountsDocument,
  type WebhookDeliveryState,
  type WebhookFragment,
} from '../generated/operations.ts';
import { FormDialog } from '../parts/dialog.tsx';
import { InstantInput } from '../parts/instant-input.tsx';
import { localText, readInstant } from '../parts/instants.ts';
import type { Opened } from '../parts/opener.tsx';
import { type Counts, stateChoices, usualState } from './delivery-terms.ts';
import type { Resending } from './resending.tsx';

const dayMs = 86_400_000;
const minuteMs = 60_000;

/** What becomes of the messages that are sent again. */
const meanings: Record<WebhookDeliveryState, string> = {
  PENDING: 'Messages that wait for their next attempt are sent now',
  DEAD: 'Messages that were given up are sent again',
  DELIVERED: 'Messages that your receiver has taken are sent once more',
};

/** Sends the deliveries of a span of time again. */
export function SpanDialog(props: Opened & { webhook: WebhookFragment; resending: Resending }) {
  const { webhook, resending, ...opened } = props;
  const [from, setFrom] = useState(localText(new Date(Date.now() - dayMs)));
  // Fields have whole minutes, and the end is excluded.
  const [to, setTo] = useState(localText(new Date(Date.now() + minuteMs)));
  const [chosen, setChosen] = useState<WebhookDeliveryState | null>(null);
  const span = { from: readInstant(from) ?? '', to: readInstant(to) ?? '' };
  const isSpan = span.from !== '' && span.to !== '' && span.from < span.to;
  const counts: Counts | undefined = useAnswer(
    WebhookDeliveryCountsDocument,
    { id: webhook.id, ...span },
    { enabled: isSpan, keepPrevious: true },
  ).data?.webhookDeliveryCounts;
  const state = chosen ?? usualState(counts);
  return (
    <FormDialog
      {...opened}
      title="Send several again"
      submit="Send again"
      change={resending}
      blocked={!isSpan}
      onSubmit={() => resending.mutateAsync({ id: webhook.id, ...span, state })}
    >
      <Text size="sm">
        {meanings[state]}: those about what happened in this time, oldest first, each with the same webhook-id
        as before.
      </Text>
      <InstantInput label="From" value={from} onChange={setFrom} />
      <InstantInput label="To" value={to} onChange={setTo} />
      <Select
        label="State"
        data={stateChoices(counts)}
        value={state}
        allowDeselect={false}
        onChange={(value) => setChosen(value as WebhookDeliveryState | null)}
      />
    </FormDialog>
  );
}
