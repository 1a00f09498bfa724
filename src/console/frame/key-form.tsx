import { Alert, Button, PasswordInput, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { type Environment, isCode } from '../api/request.ts';
import { Copyable } from '../parts/copyable.tsx';
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
        <Button type="submit" size="sm" loading={attempt.isPending}>
          Sign in
        </Button>
        <Text size="sm" c="dimmed">
          The server printed a key when it first started. This makes another, where the server runs:
        </Text>
        <Copyable text={`${keysCommand()} create ${environment} private`} block />
      </Stack>
    </form>
  );
}
