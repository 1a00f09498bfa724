import { Alert } from '@mantine/core';
import { useChange } from '../api/hooks.ts';
import { RedeliverSpanDocument } from '../generated/operations.ts';
import { formatCount } from '../parts/numbers.ts';

export type Resending = ReturnType<typeof useResending>;

/** The list keeps the result: the dialog is closed by then. */
export const useResending = () => useChange(RedeliverSpanDocument);

/** How many deliveries are sent again. */
export function Resent({ resending }: { resending: Resending }) {
  const result = resending.data?.redeliverSpan;
  if (result === undefined) return null;
  return (
    <Alert
      color="gray"
      role="status"
      title={`Sent again: ${formatCount(result.count, 'delivery', 'deliveries')}`}
      withCloseButton
      closeButtonLabel="Hide how many"
      onClose={resending.reset}
    >
      {result.more
        ? 'That is the most in one step, and there may be more: send them again for the rest.'
        : 'Each waits until your receiver has answered.'}
    </Alert>
  );
}
