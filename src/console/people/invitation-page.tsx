import { Button, Stack, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useWays } from '../api/hooks.ts';
import { type Environment, type Session, send } from '../api/request.ts';
import { basePath } from '../frame/base-path.ts';
import { PasswordField } from '../frame/password-form.tsx';
import { useArrive } from '../frame/use-sign-in.ts';
import { Failure } from '../parts/answer.tsx';
import { LinkPage } from './link-page.tsx';
import { roles } from './roles.ts';

interface Invitation {
  email: string;
  role: keyof typeof roles;
  environment: Environment;
  hasAccount: boolean;
}

/** Accepts an invitation: with a name and a password, or with the account that there is. */
export function Page() {
  return (
    <LinkPage<Invitation> path="invitation" title="Invitation">
      {(token, invitation) => <Accept token={token} invitation={invitation} />}
    </LinkPage>
  );
}

function Accept({ token, invitation }: { token: string; invitation: Invitation }) {
  const { email, role, environment, hasAccount } = invitation;
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const oidc = useWays()?.oidc;
  const arrive = useArrive();
  const accept = useMutation<{ sessions: Session[] }, Error>({
    mutationFn: () => send('PUT', 'invitation', { token, name, password }),
    onSuccess: ({ sessions }) => arrive(sessions),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        accept.mutate();
      }}
    >
      <Stack>
        <Text>
          You are invited to the <strong>{environment}</strong> environment, as {email}. {roles[role]}
        </Text>
        {!hasAccount && (
          <TextInput
            label="Your name"
            description="The audit log shows it."
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            autoComplete="name"
            autoFocus
            required
          />
        )}
        <PasswordField
          label="Password"
          description={hasAccount ? 'Of your account.' : 'At least 12 characters.'}
          value={password}
          onChange={setPassword}
          autoComplete={hasAccount ? 'current-password' : 'new-password'}
        />
        <Failure error={accept.error} />
        <Button type="submit" loading={accept.isPending}>
          Accept
        </Button>
        {oidc && (
          <Button
            component="a"
            href={`${basePath()}/console/oidc?environment=${environment}`}
            variant="default"
          >
            Accept with {oidc}
          </Button>
        )}
      </Stack>
    </form>
  );
}
