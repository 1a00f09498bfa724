import { Button, Group, Paper, Text } from '@mantine/core';
import { useSteps } from '../api/hooks.ts';
import { CancelSubscriptionDocument, RevokeGrantDocument } from '../generated/operations.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { Failure } from '../parts/answer.tsx';
import { formatCount } from '../parts/numbers.ts';

/** What was done to many users at once: each subscription or grant that it made. */
export interface Made {
  kind: 'subscriptions' | 'grants';
  ids: readonly string[];
}

/** Says what was made, and takes exactly that back. What cannot be taken back stays, and can be tried again. */
export function Undo({ made, onLeft }: { made: Made; onLeft: (made: Made | null) => void }) {
  const { kind, ids } = made;
  const undo = useSteps(async (run) => {
    const takeBack = (id: string) =>
      kind === 'subscriptions'
        ? run(CancelSubscriptionDocument, { id })
        : run(RevokeGrantDocument, { id, reason: 'Undone' });
    const left: string[] = [];
    let why = '';
    for (const id of ids)
      await takeBack(id).catch((error) => {
        left.push(id);
        why = error instanceof Error ? error.message : String(error);
      });
    onLeft(left.length === 0 ? null : { kind, ids: left });
    if (left.length > 0) throw new Error(`Not taken back for ${formatCount(left.length, 'user')}: ${why}`);
  });
  return (
    <Paper withBorder p="xs" mb="md" role="region" aria-label="Done">
      <Group gap="xs">
        <Text size="sm" role="status">
          {formatCount(ids.length, 'user was', 'users were')}{' '}
          {kind === 'subscriptions' ? 'subscribed' : 'granted a feature'}.
        </Text>
        <ActionButton
          variant="default"
          size="xs"
          loading={undo.isPending}
          onClick={() => undo.mutate(undefined)}
        >
          Undo
        </ActionButton>
        <Button variant="subtle" size="xs" onClick={() => onLeft(null)}>
          Keep
        </Button>
      </Group>
      <Failure error={undo.error} />
    </Paper>
  );
}
