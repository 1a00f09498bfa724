import { Alert, Button, Center, Code, Paper, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation, useNavigate } from 'react-router';
import { sessionsKey } from '../api/hooks.ts';
import { type Environment, isCode, signIn } from '../api/request.ts';
import { keysCommand } from './base-path.ts';
import { findFault, unknownKey, type WrongKey } from './keys.ts';

/** The sign-in form, shown in place of the requested page. */
export function SignIn({ environment, other }: { environment: Environment; other?: React.ReactNode }) {
  const [key, setKey] = useState('');
  const client = useQueryClient();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const [fault, setFault] = useState<WrongKey | null>(null);
  const attempt = useMutation({
    mutationFn: signIn,
    onSuccess: async (session) => {
      await client.invalidateQueries({ queryKey: sessionsKey });
      if (!pathname.startsWith(`/${session.environment}`)) navigate(`/${session.environment}`);
    },
  });
  const isUnknown = isCode(attempt.error, 'UNAUTHENTICATED');
  const message = attempt.error
    ? isUnknown
      ? unknownKey(fault?.goTo ?? environment)
      : attempt.error.message
    : fault?.message;
  return (
    <Center mih="100vh" component="main" p="md">
      <Paper withBorder p="xl" w="100%" maw={460}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const found = findFault(key, environment);
            setFault(found);
            if (found === null) attempt.mutate(key);
            else attempt.reset();
          }}
        >
          <Stack>
            <Title order={1} size="h2">
              Open Kana
            </Title>
            <Text>
              Sign in to the <strong>{environment}</strong> environment with a private key. The server printed
              one when it first started;{' '}
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
                    <Button variant="default" onClick={() => attempt.mutate(key)}>
                      Sign in to {fault.goTo}
                    </Button>
                  )}
                </Stack>
              </Alert>
            )}
            <Button type="submit" loading={attempt.isPending}>
              Sign in
            </Button>
            {other}
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
