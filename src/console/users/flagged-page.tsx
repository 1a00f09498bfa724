import { Anchor, Checkbox, Group, Stack, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { FlaggedUsersDocument, type FlaggedUsersQuery } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { CopyIcon } from '../parts/copyable.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { DataTable } from '../parts/table.tsx';
import { Merge } from './merge.tsx';

/** The maximum that is shown at once; more appear when these are merged. */
const shownAtOnce = 100;

type Flagged = FlaggedUsersQuery['flaggedUsers']['sameEmail'];

export function Page() {
  const paths = usePaths();
  const answer = useAnswer(FlaggedUsersDocument, { first: shownAtOnce });
  return (
    <>
      <PageHead title="Flagged users" back={{ to: paths.users, label: 'Users' }} />
      <Answer of={answer}>
        {({ flaggedUsers: { sameEmail, sameBillingId, withoutBillingId } }) => (
          <Stack>
            <Box
              id="same-email"
              title="Users with the same email"
              why="They may be one person. Choose those who are, and merge them."
              none="No two users share an email."
              users={sameEmail}
            />
            <Box
              id="same-billing-id"
              title="Users with the same billing id"
              why="Your billing provider takes them for one customer. If they are one person, merge them."
              none="No two users share a billing id."
              users={sameBillingId}
            />
            <Box
              id="without-billing-id"
              title="Users without a billing id"
              why="Your billing provider does not know them. If one of them is a customer whom it does know, merge the two."
              none="Every user has a billing id."
              users={withoutBillingId}
            />
          </Stack>
        )}
      </Answer>
    </>
  );
}

const columns = [
  { label: 'Choose', hidden: true },
  { label: 'User' },
  { label: 'Email', wide: true },
  { label: 'Billing id' },
];

function Box(props: { id: string; title: string; why: string; none: string; users: Flagged }) {
  const { id: part, title, why, none, users } = props;
  const [chosen, setChosen] = useState<string[]>([]);
  const ids = chosen.filter((id) => users.some((user) => user.id === id));
  if (users.length === 0)
    return (
      <Card title={title} id={part}>
        <Text c="dimmed">{none}</Text>
      </Card>
    );
  return (
    <Card title={title} id={part} action={<Merge ids={ids} onDone={() => setChosen([])} />}>
      <Text c="dimmed">{why}</Text>
      <DataTable label={title} columns={columns}>
        {users.map((user) => (
          <Row
            key={user.id}
            user={user}
            chosen={ids.includes(user.id)}
            onChoose={(is) => setChosen(is ? [...ids, user.id] : ids.filter((id) => id !== user.id))}
          />
        ))}
      </DataTable>
      {users.length === shownAtOnce && (
        <Text size="sm" c="dimmed">
          These are the first {shownAtOnce}. More come as you deal with them.
        </Text>
      )}
    </Card>
  );
}

function Row(props: { user: Flagged[number]; chosen: boolean; onChoose: (chosen: boolean) => void }) {
  const { user, chosen, onChoose } = props;
  const paths = usePaths();
  return (
    <Table.Tr>
      <Table.Td w={40}>
        <Checkbox
          aria-label={`Choose ${user.id}`}
          size="xs"
          checked={chosen}
          onChange={(event) => onChoose(event.currentTarget.checked)}
        />
      </Table.Td>
      <Table.Td style={{ overflowWrap: 'anywhere' }}>
        <Group gap={4} wrap="nowrap">
          <Anchor component={Link} to={paths.user(user.id)} fw={500}>
            {user.name || user.id}
          </Anchor>
          <CopyIcon text={user.id} />
        </Group>
        {user.name && (
          <Text size="xs" c="dimmed">
            {user.id}
          </Text>
        )}
        <Text size="xs" c="dimmed" hiddenFrom="sm">
          {user.email}
        </Text>
      </Table.Td>
      <Table.Td style={{ overflowWrap: 'anywhere' }}>{user.email ?? '—'}</Table.Td>
      <Table.Td style={{ overflowWrap: 'anywhere' }}>{user.billingId ?? '—'}</Table.Td>
    </Table.Tr>
  );
}
