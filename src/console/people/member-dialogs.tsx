import { Select, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useChange } from '../api/hooks.ts';
import {
  ChangeMemberRoleDocument,
  CreatePasswordLinkDocument,
  InviteMemberDocument,
  type MemberRole,
  RemoveMemberDocument,
  RevokeInvitationDocument,
} from '../generated/operations.ts';
import { DialogButton } from '../parts/dialog.tsx';
import { roleNames, roles, roleWords } from './roles.ts';

const inRow = { variant: 'subtle', color: 'gray', size: 'xs' } as const;

interface Member {
  id: string;
  name: string;
  email: string;
  role: MemberRole;
}

type OnMade = (made: { email: string; link: string }) => void;

function RoleSelect({ role, onChange }: { role: MemberRole; onChange: (role: MemberRole) => void }) {
  return (
    <Select
      label="Role"
      description={roles[role]}
      data={roleNames.map((value) => ({ value, label: roleWords[value] }))}
      value={role}
      allowDeselect={false}
      onChange={(value) => onChange(roleNames.find((each) => each === value) ?? role)}
    />
  );
}

export function Invite({ onMade }: { onMade: OnMade }) {
  const invite = useChange(InviteMemberDocument);
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<MemberRole>('VIEWER');
  return (
    <DialogButton
      label="Invite a person"
      title="Invite a person"
      submit="Create invitation"
      change={invite}
      button={{ variant: 'filled' }}
      fragment="invite"
      onOpen={() => setEmail('')}
      onSubmit={async () => {
        const made = await invite.mutateAsync({ email, role });
        onMade({ email, link: made.inviteMember.link });
      }}
    >
      <TextInput
        label="Email"
        type="email"
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
        required
      />
      <RoleSelect role={role} onChange={setRole} />
      <Text size="sm" c="dimmed">
        You get a link to send: the server sends no mail. It works once, for 7 days.
      </Text>
    </DialogButton>
  );
}

export function ChangeRole({ member }: { member: Member }) {
  const change = useChange(ChangeMemberRoleDocument);
  const [role, setRole] = useState(member.role);
  return (
    <DialogButton
      label="Role"
      about={member.name}
      title={`The role of ${member.name}`}
      submit="Change role"
      change={change}
      button={inRow}
      onOpen={() => setRole(member.role)}
      onSubmit={() => change.mutateAsync({ id: member.id, role })}
    >
      <RoleSelect role={role} onChange={setRole} />
    </DialogButton>
  );
}

export function PasswordLink({ member, onMade }: { member: Member; onMade: OnMade }) {
  const create = useChange(CreatePasswordLinkDocument);
  return (
    <DialogButton
      label="New password"
      about={member.name}
      title={`A new password for ${member.name}`}
      submit="Create link"
      change={create}
      button={inRow}
      onSubmit={async () => {
        const made = await create.mutateAsync({ id: member.id });
        onMade({ email: member.email, link: made.createPasswordLink.link });
      }}
    >
      <Text>
        You get a link to send. It works once, for 24 hours; with the new password, all sessions of{' '}
        {member.name} end.
      </Text>
    </DialogButton>
  );
}

export function RemoveMember({ member }: { member: Member }) {
  const remove = useChange(RemoveMemberDocument);
  return (
    <DialogButton
      label="Remove"
      about={member.name}
      title={`Remove ${member.name}`}
      submit="Remove member"
      change={remove}
      danger
      button={inRow}
      onSubmit={() => remove.mutateAsync({ id: member.id })}
    >
      <Text>
        {member.name} is signed out of this environment and cannot come back without another invitation. Keys
        that {member.name} knows go on working: replace them too.
      </Text>
    </DialogButton>
  );
}

export function WithdrawInvitation({ id, email }: { id: string; email: string }) {
  const revoke = useChange(RevokeInvitationDocument);
  return (
    <DialogButton
      label="Withdraw"
      about={email}
      title={`Withdraw the invitation of ${email}`}
      submit="Withdraw invitation"
      change={revoke}
      danger
      button={inRow}
      onSubmit={() => revoke.mutateAsync({ id })}
    >
      <Text>The link stops working at once.</Text>
    </DialogButton>
  );
}
