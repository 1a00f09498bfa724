import { Alert, Group, List, Text } from '@mantine/core';
import { useChange } from '../api/hooks.ts';
import { RemoveDemoDataDocument } from '../generated/operations.ts';
import { DialogButton } from '../parts/dialog.tsx';

export type Removal = ReturnType<typeof useRemoveDemo>;

/** The page keeps the result: the button is gone with the demo user. */
export const useRemoveDemo = () => useChange(RemoveDemoDataDocument);

/** Removes the demo data in one step. */
export function RemoveDemoButton({ removal }: { removal: Removal }) {
  return (
    <DialogButton
      label="Remove the demo data"
      title="Remove the demo data?"
      submit="Remove the demo data"
      keep="Keep it"
      danger
      change={removal}
      button={{ variant: 'default' }}
      onSubmit={() => removal.mutateAsync({})}
    >
      <Text>Demo User is deleted with all usage, and so are the features and packages of the demo.</Text>
      <Text size="sm">
        What you made yourself stays, and so does what it uses: a demo package that somebody else has, or a
        demo feature in a package of yours. This cannot be undone, and the next start does not bring the data
        back.
      </Text>
    </DialogButton>
  );
}

/** The demo data once there are users beside it. */
export function DemoNotice({ removal }: { removal: Removal }) {
  return (
    <Alert title="The demo data is still here" color="gray">
      <Group justify="space-between">
        <Text size="sm">Demo User, and the features and packages that came with the server.</Text>
        <RemoveDemoButton removal={removal} />
      </Group>
    </Alert>
  );
}

/** What was kept of the demo data, and why. */
export function DemoRemoved({ removal }: { removal: Removal }) {
  const kept = removal.data?.removeDemoData.kept ?? [];
  if (kept.length === 0) return null;
  return (
    <Alert title="The demo data was removed, except what is in use" color="gray">
      <List size="sm">
        {kept.map(({ id, reason }) => (
          <List.Item key={id}>{reason}</List.Item>
        ))}
      </List>
    </Alert>
  );
}
