import { List, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import { MergeUsersDocument, PreviewMergeDocument, type PreviewMergeQuery } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { DialogButton } from '../parts/dialog.tsx';

/** Merges the chosen users after showing a preview. */
export function Merge({ ids, onDone }: { ids: readonly string[]; onDone: () => void }) {
  const [asked, setAsked] = useState(false);
  const merge = useChange(MergeUsersDocument);
  const preview = useAnswer(PreviewMergeDocument, { ids: [...ids] }, { enabled: asked && ids.length > 1 });
  return (
    <DialogButton
      label={ids.length > 1 ? `Merge ${ids.length} users` : 'Merge'}
      title={`Merge ${ids.length} users?`}
      submit="Merge permanently"
      change={merge}
      danger
      blocked={preview.data === undefined}
      button={{ variant: 'default', size: 'xs', disabled: ids.length < 2 }}
      onOpen={() => setAsked(true)}
      onSubmit={async () => {
        await merge.mutateAsync({ ids: [...ids] });
        setAsked(false);
        onDone();
      }}
    >
      <Answer of={preview}>{({ previewMerge: plan }) => <Plan plan={plan} />}</Answer>
    </DialogButton>
  );
}

function Plan({ plan }: { plan: PreviewMergeQuery['previewMerge'] }) {
  const names = (list: readonly { package: { name: string } }[]) =>
    list.map((each) => each.package.name).join(', ');
  return (
    <Stack gap="xs">
      <Text>
        <strong>{plan.survivor.id}</strong> was created first and stays; usage and subscriptions of{' '}
        {plan.mergedIds.join(', ')} move there. Afterwards:
      </Text>
      <List size="sm">
        <List.Item>Name: {plan.name ?? 'none'}</List.Item>
        <List.Item>Email: {plan.email ?? 'none'}</List.Item>
        <List.Item>Billing id: {plan.billingId ?? 'none'}</List.Item>
        <List.Item>Packages: {names(plan.kept) || 'none'}</List.Item>
        {plan.cancelled.length > 0 && (
          <List.Item>Cancelled, as one user cannot hold it too: {names(plan.cancelled)}</List.Item>
        )}
      </List>
      <Text size="sm">All the ids lead to {plan.survivor.id} from then on. This cannot be undone.</Text>
    </Stack>
  );
}
