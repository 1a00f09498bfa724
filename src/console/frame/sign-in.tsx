import { Alert, Button, Center, Code, Paper, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation, useNavigate } from 'react-router';
import { sessionsKey } from '../api/hooks.ts';
import { type Environment, signIn } from '../api/request.ts';

/** Asks for a private key, in the place of the page that somebody wanted to see. */
export function SignIn({ environment, other }: { environment: Environment; other?: React.ReactNode }) {
  const [key, setKey] = useState('');
  const client = useQueryClient();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const attempt = useMutation({
    mutationFn: signIn,
    onSuccess: async (session) => {
      await client.invalidateQueries({ queryKey: sessionsKey });
      if (!pathname.startsWith(`/${session.environment}`)) navigate(`/${session.environment}`);
    },
  });
  return (
    <Center mih="100vh" component="main" p="md">
      <Paper withBorder p="xl" w="100%" maw={460}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            attempt.mutate(key);
          }}
        >
          <Stack>
            <Title order={1} size="h2">
              Open Kana
            </Title>
            <Text>
              Sign in to the <strong>{environment}</strong> environment with a private key. The server printed
              one when it first started; <Code>npm run keys -- create {environment} private</Code> makes
              another.
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
            {attempt.error && (
              <Alert color="red" role="alert" title="Not signed in">
                {attempt.error.message}
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
