import { Checkbox, Code, PasswordInput, Text } from '@mantine/core';
import { useState } from 'react';
import { useChange, useEnvironment } from '../api/hooks.ts';
import { serverAddress } from '../frame/base-path.ts';
import { ConnectStripeDocument } from '../generated/operations.ts';
import { DialogButton } from '../parts/dialog.tsx';

/** Connects Stripe, or replaces its keys. */
export function Connect({
  label,
  connection,
}: {
  label: string;
  connection?: { withholdAccessWhilePaused: boolean };
}) {
  const environment = useEnvironment();
  const blank = {
    secretKey: '',
    webhookSecret: '',
    withholdAccessWhilePaused: connection?.withholdAccessWhilePaused ?? false,
  };
  const [input, setInput] = useState(blank);
  const connect = useChange(ConnectStripeDocument);
  const set = (change: Partial<typeof blank>) => setInput((before) => ({ ...before, ...change }));
  return (
    <DialogButton
      label={label}
      title="Connect Stripe"
      submit="Connect"
      change={connect}
      onOpen={() => setInput(blank)}
      onSubmit={() => connect.mutateAsync({ input })}
      button={connection === undefined ? {} : { variant: 'default', size: 'xs' }}
    >
      <PasswordInput
        label="Secret or restricted key"
        description={`Of Stripe's ${environment} mode. It is encrypted, and never shown again.`}
        placeholder={`rk_${environment}_…`}
        value={input.secretKey}
        onChange={(event) => set({ secretKey: event.currentTarget.value })}
        required
        data-autofocus
      />
      <PasswordInput
        label="Signing secret of the webhook endpoint"
        placeholder="whsec_…"
        value={input.webhookSecret}
        onChange={(event) => set({ webhookSecret: event.currentTarget.value })}
        required
      />
      <Text size="sm" c="dimmed">
        The address of the endpoint at Stripe is <Code>{`${serverAddress()}/billing/stripe/webhook`}</Code>.
      </Text>
      <Checkbox
        label="Withhold access while payments are paused"
        checked={input.withholdAccessWhilePaused}
        onChange={(event) => set({ withholdAccessWhilePaused: event.currentTarget.checked })}
      />
    </DialogButton>
  );
}
