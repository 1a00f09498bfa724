import { Alert, Anchor, AppShell, Burger, Center, Group, Loader, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { Suspense, useEffect } from 'react';
import { Link, Outlet, ScrollRestoration, useLocation } from 'react-router';
import { forgetDataAges, useDataAge } from '../api/data-age.ts';
import { useSessions } from '../api/hooks.ts';
import type { Environment, Session } from '../api/request.ts';
import { CommandButton } from './command-button.tsx';
import { rememberEnvironment } from './environment.ts';
import { EnvironmentSwitch } from './environment-switch.tsx';
import { Navigation } from './navigation.tsx';
import { pathsOf } from './paths.ts';
import { AccountLink, ColorSchemeButton, SignOutButton } from './session-menu.tsx';
import { SignIn } from './sign-in.tsx';
import { Theme } from './theme.tsx';

/** The frame of every page: environment, navigation and session. */
export function Frame({ environment }: { environment: Environment }) {
  useEffect(() => rememberEnvironment(environment), [environment]);
  return (
    <Theme environment={environment}>
      <Entrance environment={environment} />
    </Theme>
  );
}

function Entrance({ environment }: { environment: Environment }) {
  const sessions = useSessions();
  const client = useQueryClient();
  // After a reconnect, refetch everything.
  const lost = sessions.isError;
  useEffect(() => {
    if (!lost) return;
    return () => {
      client.invalidateQueries({ queryKey: [environment] });
    };
  }, [lost, client, environment]);

  if (sessions.data === undefined)
    return (
      <Center mih="100vh" component="main">
        {sessions.isError ? <Unreachable /> : <Loader aria-label="Loading" />}
      </Center>
    );
  if (sessions.data.some((session) => session.environment === environment))
    return <Frames environment={environment} unreachable={lost} signedInTo={sessions.data} />;
  const [other] = sessions.data;
  return (
    <SignIn
      environment={environment}
      other={
        other && (
          <Anchor component={Link} to={pathsOf(other.environment).overview} fz="sm">
            Back to {other.environment}
          </Anchor>
        )
      }
    />
  );
}

const Unreachable = () => (
  <Alert color="red" title="The server does not respond" role="alert" maw={480}>
    This page retries every few seconds.
  </Alert>
);

function Frames(props: { environment: Environment; unreachable: boolean; signedInTo: readonly Session[] }) {
  const { environment, unreachable, signedInTo } = props;
  const [opened, { toggle, close }] = useDisclosure();
  const { pathname } = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu of a phone closes when the page changes
  useEffect(close, [pathname]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page has other answers
  useEffect(forgetDataAges, [pathname]);
  const dataAge = useDataAge();
  const mine = signedInTo.find((session) => session.environment === environment);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 220, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding={{ base: 'md', sm: 'xl' }}
    >
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <AppShell.Header style={{ borderTop: '4px solid var(--mantine-primary-color-filled)' }}>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={opened ? 'Close the menu' : 'Open the menu'}
            />
            <Text
              component={Link}
              to={pathsOf(environment).overview}
              fw={700}
              size="lg"
              c="inherit"
              td="none"
              visibleFrom="xs"
            >
              Open Kana
            </Text>
          </Group>
          <Group gap="sm" wrap="nowrap">
            <CommandButton />
            <EnvironmentSwitch environment={environment} signedInTo={signedInTo} />
            {mine?.member && <AccountLink name={mine.member.name} />}
            <ColorSchemeButton />
            <SignOutButton
              environment={environment}
              as={mine?.member?.name ?? `key …${mine?.lastFour ?? ''}`}
            />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" aria-label="Pages">
        <Navigation />
      </AppShell.Navbar>
      <ScrollRestoration />
      <AppShell.Main id="content" tabIndex={-1} style={{ outline: 'none' }}>
        {unreachable && (
          <Alert
            color="red"
            mb="md"
            role="alert"
            title="The server does not respond. The data shown may be out of date. This page retries."
          />
        )}
        {dataAge !== null && (
          <Text size="sm" c="dimmed" mb="md" role="status">
            Some of this page may be up to {dataAge} seconds old.
          </Text>
        )}
        <div className="page">
          <Suspense fallback={<Loader aria-label="Loading" />}>
            <Outlet key={environment} />
          </Suspense>
        </div>
      </AppShell.Main>
    </AppShell>
  );
}
