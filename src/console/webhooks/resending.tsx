import { Alert, Group, Text } from '@mantine/core';
import { useChange } from '../api/hooks.ts';
import { RedeliverSpanDocument } from '../generated/operations.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { Failure } from '../parts/answer.tsx';
import { formatCount } from '../parts/numbers.ts';

export type Resending = ReturnType<typeof useResending>;

/** The list keeps the result: the dialog is closed by then. */
export const useResending = () => useChange(RedeliverSpanDocument);

/** How many deliveries are sent again. */
export function Resent({ resending }: { resending: Resending }) {
  const { variables } = resending;
  const result = resending.data?.redeliverSpan;
  if (resending.error !== null && variables?.after != null) return <Failure error={resending.error} />;
  if (result === undefined || variables === undefined) return null;
  const after = result.last ?? variables.after ?? null;
  return (
    <Alert
      color="gray"
      role="status"
      title={`Sent again: ${formatCount(result.count, 'delivery', 'deliveries')}`}
      withCloseButton
      closeButtonLabel="Hide how many"
      onClose={resending.reset}
    >
      {result.more ? (
        <Group justify="space-between" gap="xs">
          <Text size="sm">
            {result.count === 0
              ? 'As many as may wait are waiting already: go on when they are sent.'
              : 'That is the most in one step, so that new messages do not wait long. There may be more.'}
          </Text>
          <ActionButton size="xs" onClick={() => resending.mutate({ ...variables, after })}>
            Send the next ones
          </ActionButton>
        </Group>
      ) : result.count === 0 ? (
        'No delivery of this time is in this state.'
      ) : (
        'Each waits until your receiver has answered.'
      )}
    </Alert>
  );
}
