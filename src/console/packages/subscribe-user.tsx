import { Autocomplete, Checkbox, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { useAnswer, useSteps } from '../api/hooks.ts';
import { isCode } from '../api/request.ts';
import { CreateUserDocument, KnownUserDocument, UsersDocument } from '../generated/operations.ts';
import { FormDialog } from '../parts/dialog.tsx';
import type { Opened } from '../parts/opener.tsx';
import { useBegin } from '../subscriptions/begin.ts';
import { isWhole, type Start, startNow } from '../subscriptions/start.ts';
import { StartFields } from '../subscriptions/start-fields.tsx';
import type { Subject } from './package-page.tsx';

const suggested = 8;

/** Subscribes a user, on the package's page. */
export function SubscribeUser({ opened, onClose, subject }: Opened & { subject: Subject }) {
  const [userId, setUserId] = useState('');
  const [start, setStart] = useState(startNow);
  const [search] = useDebouncedValue(userId, 200);
  const answer = useAnswer(
    UsersDocument,
    { search: search || null, first: suggested, after: null },
    { keepPrevious: true },
  );
  const users = answer.data?.users ?? [];
  const known = useAnswer(KnownUserDocument, { id: search }, { enabled: search !== '' });
  const isUnknown = search === userId && isCode(known.error, 'NOT_FOUND');
  const [creates, setCreates] = useState(false);
  const begin = useBegin();
  const begun = useSteps(async (run, terms: { userId: string; start: Start }) => {
    if (isUnknown) await run(CreateUserDocument, { input: { id: terms.userId } });
    await begin.mutateAsync({ ...terms, packageId: subject.id });
  });
  return (
    <FormDialog
      opened={opened}
      onClose={onClose}
      title={`Subscribe a user to ${subject.name}`}
      submit="Subscribe"
      change={begun}
      blocked={userId === '' || !isWhole(start) || (isUnknown && !creates)}
      onSubmit={() => begun.mutateAsync({ userId, start })}
    >
      <Autocomplete
        label="Id of the user"
        description="Type the id, the name or the email, and choose."
        data={users.map(({ id }) => id)}
        renderOption={({ option }) => {
          const user = users.find(({ id }) => id === option.value);
          return (
            <div>
              <Text size="sm">{option.value}</Text>
              <Text size="xs" c="dimmed">
                {[user?.name, user?.email].filter(Boolean).join(', ')}
              </Text>
            </div>
          );
        }}
        // The server also searches names and emails, so the field must not filter again.
        filter={({ options }) => options}
        value={userId}
        onChange={setUserId}
        required
        data-autofocus
      />
      {isUnknown && (
        <Checkbox
          label={`Create the user ${userId}`}
          description="There is no user with this id."
          checked={creates}
          onChange={(event) => setCreates(event.currentTarget.checked)}
        />
      )}
      <StartFields start={start} onChange={setStart} packageId={subject.id} isAddon={subject.isAddon} />
      <Text size="sm" c="dimmed">
        {subject.isAddon
          ? 'It is an add-on: the user needs a base package first.'
          : 'A user who has a base package already changes it on the user’s page.'}
      </Text>
    </FormDialog>
  );
}
