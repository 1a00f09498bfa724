import { Alert, Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useSignIn } from './use-sign-in.ts';

/** Signs in as a member. */
export function PasswordForm() {
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const attempt = useSignIn();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        attempt.mutate({ email, password });
      }}
    >
      <Stack>
        <TextInput
          label="Email"
          type="email"
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
          autoComplete="username"
          autoFocus
          required
        />
        <PasswordField
          label="Password"
          value={password}
          onChange={setPassword}
          autoComplete="current-password"
        />
        {attempt.error && (
          <Alert color="red" role="alert" title="Not signed in">
            {attempt.error.message}
          </Alert>
        )}
        <Button type="submit" size="sm" loading={attempt.isPending}>
          Sign in
        </Button>
      </Stack>
    </form>
  );
}

export const PasswordField = (props: {
  label: string;
  description?: string;
  value: string;
  onChange: (value: string) => void;
  autoComplete: 'current-password' | 'new-password';
}) => (
  <PasswordInput
    {...props}
    onChange={(event) => props.onChange(event.currentTarget.value)}
    visibilityToggleButtonProps={{ 'aria-label': 'Show the password', tabIndex: 0 }}
    required
  />
);
