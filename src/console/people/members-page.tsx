import { Alert, Stack, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer } from '../api/hooks.ts';
import { ConfigurationHead } from '../catalogue/head.tsx';
import { MembersDocument, type MembersQuery } from '../generated/operations.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Moment } from '../parts/moment.tsx';
import { Needs } from '../parts/permission.tsx';
import { DataTable } from '../parts/table.tsx';
import { ChangeRole, Invite, PasswordLink, RemoveMember, WithdrawInvitation } from './member-dialogs.tsx';
import { roleWords } from './roles.ts';
import { Sessions } from './sessions.tsx';

/** Whoever accepts an invitation appears after this time. */
const everyMs = 5_000;

/** A new link, and whom it is for. */
interface Made {
  email: string;
  link: string;
}

/** Who may do what in this environment. */
export function Page() {
  const people = useAnswer(MembersDocument, {}, { every: everyMs });
  const [made, setMade] = useState<Made | null>(null);
  return (
    <Needs value="admin">
      <ConfigurationHead title="Members" />
      <Stack>
        {made !== null && (
          <Alert
            color="gray"
            role="status"
            title={`Send this link to ${made.email}. It is shown only once.`}
            withCloseButton
            closeButtonLabel="Hide the link"
            onClose={() => setMade(null)}
          >
            <Copyable text={made.link} />
          </Alert>
        )}
        <Answer of={people}>
          {({ members, invitations }) => (
            <>
              <Card title="Members" action={<Invite onMade={setMade} />}>
                {members.length === 0 ? (
                  <Empty title="Nobody yet">
                    Invite yourself first, as an admin. Then people sign in with their own password, and the
                    audit log names them. The private key stays as a way in.
                  </Empty>
                ) : (
                  <Members members={members} onMade={setMade} />
                )}
              </Card>
              {invitations.length > 0 && <Invitations invitations={invitations} />}
            </>
          )}
        </Answer>
        <Sessions />
      </Stack>
    </Needs>
  );
}

const memberColumns = [
  { label: 'Person' },
  { label: 'Role' },
  { label: 'Last seen' },
  { label: 'Member since' },
  { label: 'Actions', hidden: true },
];

function Members(props: { members: MembersQuery['members']; onMade: (made: Made) => void }) {
  return (
    <DataTable label="Members" columns={memberColumns} minWidth={760}>
      {props.members.map((member) => (
        <Table.Tr key={member.id}>
          <Table.Td>
            <Text fw={500}>{member.name}</Text>
            <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
              {member.email}
            </Text>
          </Table.Td>
          <Table.Td>{roleWords[member.role]}</Table.Td>
          <Table.Td>{member.lastSeenAt === null ? '—' : <Moment at={member.lastSeenAt} />}</Table.Td>
          <Table.Td>
            <Moment at={member.createdAt} withTime={false} />
          </Table.Td>
          <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>
            <ChangeRole member={member} />
            <PasswordLink member={member} onMade={props.onMade} />
            <RemoveMember member={member} />
          </Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}

const invitationColumns = [
  { label: 'Person' },
  { label: 'Role' },
  { label: 'Invited by' },
  { label: 'Ends' },
  { label: 'Actions', hidden: true },
];

const Invitations = ({ invitations }: { invitations: MembersQuery['invitations'] }) => (
  <Card title="Open invitations">
    <Text c="dimmed">Whose link is lost is invited again: the earlier link then stops working.</Text>
    <DataTable label="Open invitations" columns={invitationColumns} minWidth={640}>
      {invitations.map((each) => (
        <Table.Tr key={each.id}>
          <Table.Td style={{ overflowWrap: 'anywhere' }}>{each.email}</Table.Td>
          <Table.Td>{roleWords[each.role]}</Table.Td>
          <Table.Td>{each.invitedBy.label}</Table.Td>
          <Table.Td>
            <Moment at={each.expiresAt} />
          </Table.Td>
          <Table.Td ta="right">
            <WithdrawInvitation id={each.id} email={each.email} />
          </Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  </Card>
);
