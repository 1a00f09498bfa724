import { Alert, Group, Stack, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer } from '../api/hooks.ts';
import { ConfigurationHead } from '../catalogue/head.tsx';
import { MembersDocument, type MembersQuery } from '../generated/operations.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Moment } from '../parts/moment.tsx';
import { Needs } from '../parts/permission.tsx';
import { useIsPhone } from '../parts/phone.ts';
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
  { label: 'Last seen', wide: true },
  { label: 'Member since', wide: true },
  { label: 'Actions', hidden: true, wide: true },
];

function Members(props: { members: MembersQuery['members']; onMade: (made: Made) => void }) {
  const isPhone = useIsPhone();
  const actions = (member: MembersQuery['members'][number]) => (
    <>
      <ChangeRole member={member} />
      <PasswordLink member={member} onMade={props.onMade} />
      <RemoveMember member={member} />
    </>
  );
  return (
    <DataTable label="Members" columns={memberColumns}>
      {props.members.map((member) => (
        <Table.Tr key={member.id}>
          <Table.Td>
            <Text fw={500}>{member.name}</Text>
            <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
              {member.email}
            </Text>
            {isPhone && (
              <Group gap={4} className="actions">
                {actions(member)}
              </Group>
            )}
          </Table.Td>
          <Table.Td>{roleWords[member.role]}</Table.Td>
          <Table.Td>{member.lastSeenAt === null ? '—' : <Moment at={member.lastSeenAt} />}</Table.Td>
          <Table.Td>
            <Moment at={member.createdAt} withTime={false} />
          </Table.Td>
          <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>
            {!isPhone && actions(member)}
          </Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}

const invitationColumns = [
  { label: 'Person' },
  { label: 'Role' },
  { label: 'Invited by', wide: true },
  { label: 'Ends', wide: true },
  { label: 'Actions', hidden: true },
];

const Invitations = ({ invitations }: { invitations: MembersQuery['invitations'] }) => (
  <Card title="Open invitations">
    <Text c="dimmed">Whose link is lost is invited again: the earlier link then stops working.</Text>
    <DataTable label="Open invitations" columns={invitationColumns}>
      {invitations.map((each) => (
        <Table.Tr key={each.id}>
          <Table.Td style={{ overflowWrap: 'anywhere' }}>
            {each.email}
            <Text size="xs" c="dimmed" hiddenFrom="sm" component="div">
              ends <Moment at={each.expiresAt} />
            </Text>
          </Table.Td>
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
