import { Alert, Anchor, Button, Center, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useSearchParams } from 'react-router';
import { useWays } from '../api/hooks.ts';
import type { Environment } from '../api/request.ts';
import { basePath } from './base-path.ts';
import { KeyForm } from './key-form.tsx';
import { PasswordForm } from './password-form.tsx';

/** The sign-in form, shown in place of the requested page: for members, or for a private key. */
export function SignIn({ environment, other }: { environment: Environment; other?: ReactNode }) {
  const ways = useWays();
  const outcome = useSearchParams()[0].get('oidc');
  const [chosen, setChosen] = useState<'key' | 'password' | null>(null);
  const way = chosen ?? (ways?.hasMembers ? 'password' : 'key');
  const next = way === 'key' ? 'password' : 'key';
  return (
    <Entry title="Sign in to Open Kana">
      <Text c="dimmed">
        {way === 'key' ? (
          <>
            With a private key of the <strong>{environment}</strong> environment.
          </>
        ) : (
          'As a member, with your email and password.'
        )}
      </Text>
      {outcome !== null && (
        <Alert color="red" role="alert" title="Not signed in">
          {outcome === 'refused'
            ? 'You are no member, and not invited by this email address; or the provider has not verified it.'
            : 'The provider could not sign you in. Try again.'}
        </Alert>
      )}
      {ways?.oidc && (
        <Button
          component="a"
          href={`${basePath()}/console/oidc?environment=${environment}`}
          variant="default"
          size="sm"
        >
          Sign in with {ways.oidc}
        </Button>
      )}
      {way === 'key' ? <KeyForm environment={environment} /> : <PasswordForm />}
      <Group justify="space-between">
        <Anchor component="button" type="button" fz="sm" onClick={() => setChosen(next)}>
          {next === 'key' ? 'Use a private key' : 'Use email and password'}
        </Anchor>
        {other}
      </Group>
    </Entry>
  );
}

/** A page for people who are not signed in. */
export const Entry = ({ title, children }: { title: string; children: ReactNode }) => (
  <Center mih="100vh" component="main" p="md">
    <Paper withBorder p="xl" w="100%" maw={460}>
      <Stack>
        <Title order={1} size="h2">
          {title}
        </Title>
        {children}
      </Stack>
    </Paper>
  </Center>
);
