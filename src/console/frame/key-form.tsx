import { Alert, Button, Code, PasswordInput, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { type Environment, isCode } from '../api/request.ts';
import { keysCommand } from './base-path.ts';
import { findFault, unknownKey, type WrongKey } from './keys.ts';
import { useSignIn } from './use-sign-in.ts';

/** Signs in with a private key. */
export function KeyForm({ environment }: { environment: Environment }) {
  const [key, setKey] = useState('');
  const [fault, setFault] = useState<WrongKey | null>(null);
  const attempt = useSignIn();
  const isUnknown = isCode(attempt.error, 'UNAUTHENTICATED');
  const message = attempt.error
    ? isUnknown
      ? unknownKey(fault?.goTo ?? environment)
      : attempt.error.message
    : fault?.message;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const found = findFault(key, environment);
        setFault(found);
        if (found === null) attempt.mutate({ key });
        else attempt.reset();
      }}
    >
      <Stack>
        <Text>
          Sign in to the <strong>{environment}</strong> environment with a private key. The server printed one
          when it first started;{' '}
          <Code>
            {keysCommand()} create {environment} private
          </Code>{' '}
          makes another.
        </Text>
        <PasswordInput
          label="Private key"
          placeholder={`prv_${environment}_…`}
          value={key}
          onChange={(event) => setKey(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': 'Show the key', tabIndex: 0 }}
          autoComplete="current-password"
          autoFocus
          required
        />
        {message !== undefined && (
          <Alert color="red" role="alert" title="Not signed in">
            <Stack align="start" gap="sm">
              {message}
              {fault?.goTo && (
                <Button variant="default" onClick={() => attempt.mutate({ key })}>
                  Sign in to {fault.goTo}
                </Button>
              )}
            </Stack>
          </Alert>
        )}
        <Button type="submit" loading={attempt.isPending}>
          Sign in
        </Button>
      </Stack>
    </form>
  );
}
