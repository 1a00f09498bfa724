import { Table, Text } from '@mantine/core';
import { useAnswer, useChange } from '../api/hooks.ts';
import {
  OpenSessionsDocument,
  type OpenSessionsQuery,
  RevokeSessionDocument,
} from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import { DataTable } from '../parts/table.tsx';

const columns = [
  { label: 'Who' },
  { label: 'Since', wide: true },
  { label: 'Last seen' },
  { label: 'Actions', hidden: true },
];

/** Who is signed in to the console of this environment. */
export function Sessions() {
  const open = useAnswer(OpenSessionsDocument, {});
  return (
    <Card title="Signed in">
      <Text c="dimmed">Sessions of members and of keys. Each ends by itself after 12 hours.</Text>
      <Answer of={open}>
        {({ sessions }) => (
          <DataTable label="Sessions" columns={columns}>
            {sessions.map((session) => (
              <Table.Tr key={session.id}>
                <Table.Td style={{ overflowWrap: 'anywhere' }}>{session.owner.label}</Table.Td>
                <Table.Td>
                  <Moment at={session.createdAt} />
                </Table.Td>
                <Table.Td>
                  <Moment at={session.lastSeenAt} />
                </Table.Td>
                <Table.Td ta="right">
                  <EndSession session={session} />
                </Table.Td>
              </Table.Tr>
            ))}
          </DataTable>
        )}
      </Answer>
    </Card>
  );
}

function EndSession({ session }: { session: OpenSessionsQuery['sessions'][number] }) {
  const revoke = useChange(RevokeSessionDocument);
  return (
    <DialogButton
      label="End"
      about={session.owner.label}
      title="End this session"
      submit="End session"
      change={revoke}
      danger
      button={{ variant: 'subtle', color: 'gray', size: 'xs' }}
      onSubmit={() => revoke.mutateAsync({ id: session.id })}
    >
      <Text>{session.owner.label} is signed out within 5 seconds.</Text>
    </DialogButton>
  );
}
