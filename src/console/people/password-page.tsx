import { Button, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { type Session, send } from '../api/request.ts';
import { PasswordField } from '../frame/password-form.tsx';
import { useArrive } from '../frame/use-sign-in.ts';
import { Failure } from '../parts/answer.tsx';
import { LinkPage } from './link-page.tsx';

/** Sets a new password, by a link that an admin made. */
export function Page() {
  return (
    <LinkPage<{ email: string }> path="password" title="New password">
      {(token, { email }) => <NewPassword token={token} email={email} />}
    </LinkPage>
  );
}

function NewPassword({ token, email }: { token: string; email: string }) {
  const [password, setPassword] = useState('');
  const arrive = useArrive();
  const save = useMutation<{ sessions: Session[] }, Error>({
    mutationFn: () => send('PUT', 'password', { token, password }),
    onSuccess: ({ sessions }) => arrive(sessions),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack>
        <Text>For {email}. All sessions of the account end.</Text>
        <PasswordField
          label="New password"
          description="At least 12 characters."
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
        />
        <Failure error={save.error} />
        <Button type="submit" loading={save.isPending}>
          Save
        </Button>
      </Stack>
    </form>
  );
}
