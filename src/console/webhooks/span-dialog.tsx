import { Select, Text } from '@mantine/core';
import { useState } from 'react';
import type { WebhookDeliveryState, WebhookFragment } from '../generated/operations.ts';
import { FormDialog } from '../parts/dialog.tsx';
import { InstantInput } from '../parts/instant-input.tsx';
import { localText, readInstant } from '../parts/instants.ts';
import type { Opened } from '../parts/opener.tsx';
import { stateNames } from './delivery-terms.ts';
import type { Resending } from './resending.tsx';

const dayMs = 86_400_000;
const minuteMs = 60_000;

const states = (['DEAD', 'DELIVERED'] as const).map((value) => ({ value, label: stateNames[value] }));

/** Sends the deliveries of a span of time again. */
export function SpanDialog(props: Opened & { webhook: WebhookFragment; resending: Resending }) {
  const { webhook, resending, ...opened } = props;
  const [from, setFrom] = useState(localText(new Date(Date.now() - dayMs)));
  // Fields have whole minutes, and the end is excluded.
  const [to, setTo] = useState(localText(new Date(Date.now() + minuteMs)));
  const [state, setState] = useState<WebhookDeliveryState>('DEAD');
  const span = { from: readInstant(from) ?? '', to: readInstant(to) ?? '' };
  return (
    <FormDialog
      {...opened}
      title="Send several again"
      submit="Send again"
      change={resending}
      blocked={span.from === '' || span.to === '' || span.from >= span.to}
      onSubmit={() => resending.mutateAsync({ id: webhook.id, ...span, state })}
    >
      <Text size="sm">
        Messages about what happened in this time are sent again, oldest first, each with the same webhook-id
        as before.
      </Text>
      <InstantInput label="From" value={from} onChange={setFrom} />
      <InstantInput label="To" value={to} onChange={setTo} />
      <Select
        label="State"
        data={states}
        value={state}
        allowDeselect={false}
        onChange={(value) => setState((value ?? 'DEAD') as WebhookDeliveryState)}
      />
    </FormDialog>
  );
}
