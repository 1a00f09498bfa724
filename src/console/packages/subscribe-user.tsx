import { Autocomplete, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import { SubscribeDocument, UsersDocument } from '../generated/operations.ts';
import { DialogButton } from '../parts/dialog.tsx';
import type { Subject } from './package-page.tsx';

const suggested = 8;

/** Subscribes a user, on the package's page. */
export function SubscribeUser({ subject }: { subject: Subject }) {
  const [userId, setUserId] = useState('');
  const [opened, setOpened] = useState(false);
  const [search] = useDebouncedValue(userId, 200);
  const users = useAnswer(
    UsersDocument,
    { search: search || null, first: suggested, after: null },
    { enabled: opened, keepPrevious: true },
  );
  const subscribe = useChange(SubscribeDocument);
  return (
    <DialogButton
      label="Subscribe a user"
      title={`Subscribe a user to ${subject.name}`}
      submit="Subscribe"
      change={subscribe}
      blocked={userId === ''}
      onOpen={() => {
        setUserId('');
        setOpened(true);
      }}
      onSubmit={() => subscribe.mutateAsync({ userId, packageIds: [subject.id] })}
    >
      <Autocomplete
        label="Id of the user"
        description="Type the id, the name or the email, and choose."
        data={(users.data?.users ?? []).map(({ id }) => id)}
        // The server also searches names and emails, so the field must not filter again.
        filter={({ options }) => options}
        value={userId}
        onChange={setUserId}
        required
        data-autofocus
      />
      <Text size="sm" c="dimmed">
        It begins now, and its periods are counted from now on.{' '}
        {subject.isAddon
          ? 'It is an add-on: the user needs a base package first.'
          : 'A user who has a base package already changes it on the user’s page.'}
      </Text>
    </DialogButton>
  );
}
