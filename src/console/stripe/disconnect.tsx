import { Text } from '@mantine/core';
import { useChange } from '../api/hooks.ts';
import { DisconnectStripeDocument } from '../generated/operations.ts';
import { DialogButton } from '../parts/dialog.tsx';

/** Ends the connection with Stripe, after saying what that means. */
export function Disconnect() {
  const disconnect = useChange(DisconnectStripeDocument);
  return (
    <DialogButton
      label="Disconnect"
      title="Disconnect Stripe"
      submit="Disconnect Stripe"
      danger
      change={disconnect}
      onSubmit={() => disconnect.mutateAsync({})}
      button={{ variant: 'default', size: 'xs' }}
    >
      <Text>
        The keys are deleted, and Stripe is neither asked nor heard any more. Nobody loses access: what is
        held stays as it is, also where Stripe ends it later. At Stripe, nothing changes: customers go on
        paying there.
      </Text>
      <Text>Connecting the same account again goes on where it was.</Text>
    </DialogButton>
  );
}
