import { Button, Group, Stack, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { sessionsKey, useEnvironment, useSession } from '../api/hooks.ts';
import { type OwnAccount, readAccount, send } from '../api/request.ts';
import { PasswordField } from '../frame/password-form.tsx';
import { usePaths } from '../frame/paths.ts';
import { Answer, Empty, Failure } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Moment } from '../parts/moment.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { State } from '../parts/state.tsx';
import { DataTable } from '../parts/table.tsx';

/** The own account of a member: name, password, sessions. */
export function Page() {
  const session = useSession();
  return (
    <>
      <PageHead title="Your account" />
      {session?.member === null ? <NoAccount /> : <Account />}
    </>
  );
}

function Account() {
  const environment = useEnvironment();
  const account = useQuery({
    queryKey: [environment, 'account'],
    queryFn: () => readAccount(environment),
  });
  return (
    <Answer of={account}>
      {(own) => (
        <Stack>
          <Name key={own.name} account={own} />
          <Password hasPassword={own.hasPassword} />
          <OwnSessions sessions={own.sessions} />
        </Stack>
      )}
    </Answer>
  );
}

/** A session of a private key has no account. */
function NoAccount() {
  const paths = usePaths();
  return (
    <Empty
      title="You are signed in with a private key"
      action={
        <Button component={Link} to={paths.members}>
          Members
        </Button>
      }
    >
      Members have an account: a name, a password and sessions of their own. Invite yourself, and sign in with
      your email.
    </Empty>
  );
}

/** Changes the account, then reads it again. */
function useOwnChange() {
  const environment = useEnvironment();
  const client = useQueryClient();
  return useMutation<unknown, Error, { name?: string; current?: string; password?: string }>({
    mutationFn: (change) => send('PATCH', 'account', change, environment),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [environment, 'account'] });
      await client.invalidateQueries({ queryKey: sessionsKey });
    },
  });
}

function Name({ account }: { account: OwnAccount }) {
  const [name, setName] = useState(account.name);
  const save = useOwnChange();
  return (
    <Card title="Name">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate({ name });
        }}
      >
        <Stack maw={420}>
          <Text c="dimmed">You sign in as {account.email}.</Text>
          <TextInput
            label="Your name"
            description="The audit log shows it."
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            autoComplete="name"
            required
          />
          <Failure error={save.error} />
          <Button type="submit" variant="default" w="fit-content" loading={save.isPending}>
            Save name
          </Button>
        </Stack>
      </form>
    </Card>
  );
}

function Password({ hasPassword }: { hasPassword: boolean }) {
  const [current, setCurrent] = useState('');
  const [password, setPassword] = useState('');
  const save = useOwnChange();
  return (
    <Card title="Password">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const done = () => {
            setCurrent('');
            setPassword('');
          };
          save.mutate({ current, password }, { onSuccess: done });
        }}
      >
        <Stack maw={420}>
          {hasPassword && (
            <PasswordField
              label="Current password"
              value={current}
              onChange={setCurrent}
              autoComplete="current-password"
            />
          )}
          <PasswordField
            label="New password"
            description="At least 12 characters. All other sessions end."
            value={password}
            onChange={setPassword}
            autoComplete="new-password"
          />
          <Failure error={save.error} />
          {save.isSuccess && <Text role="status">The password is changed.</Text>}
          <Button type="submit" variant="default" w="fit-content" loading={save.isPending}>
            Change password
          </Button>
        </Stack>
      </form>
    </Card>
  );
}

const columns = [{ label: 'Environment' }, { label: 'Since' }, { label: 'Last seen' }];

function OwnSessions({ sessions }: { sessions: OwnAccount['sessions'] }) {
  const environment = useEnvironment();
  const client = useQueryClient();
  const leave = useMutation<unknown, Error>({
    mutationFn: () => send('DELETE', 'account', {}, environment),
    onSuccess: () => client.invalidateQueries({ queryKey: sessionsKey }),
  });
  return (
    <Card
      title="Sessions"
      action={
        <Button variant="default" loading={leave.isPending} onClick={() => leave.mutate()}>
          Sign out everywhere
        </Button>
      }
    >
      <Failure error={leave.error} />
      <DataTable label="Sessions" columns={columns}>
        {sessions.map((session) => (
          <Table.Tr key={session.id}>
            <Table.Td>
              <Group gap="sm">
                {session.environment === 'test' ? 'Test' : 'Live'}
                {session.isThis && <State tone="good">This browser</State>}
              </Group>
            </Table.Td>
            <Table.Td>
              <Moment at={session.createdAt} />
            </Table.Td>
            <Table.Td>
              <Moment at={session.lastSeenAt} />
            </Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
    </Card>
  );
}
