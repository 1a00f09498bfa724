import { Alert, Button, Loader, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { type Session, send } from '../api/request.ts';
import { PasswordField } from '../frame/password-form.tsx';
import { Entry } from '../frame/sign-in.tsx';
import { Theme } from '../frame/theme.tsx';
import { useArrive } from '../frame/use-sign-in.ts';
import { Failure } from '../parts/answer.tsx';
import { useLink } from './use-link.ts';

/** Sets a new password, by a link that an admin made. */
export function Page() {
  const { token, told } = useLink<{ email: string }>('password');
  return (
    <Theme environment="test">
      <Entry title="New password">
        {told.data && <NewPassword token={token} email={told.data.email} />}
        {told.isLoading && <Loader aria-label="Loading" />}
        {told.error && (
          <Alert color="red" role="alert" title="This does not work">
            {told.error.message}
          </Alert>
        )}
      </Entry>
    </Theme>
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
