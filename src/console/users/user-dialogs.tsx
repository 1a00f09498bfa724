import { Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useChange } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import {
  CreateUserDocument,
  DeleteUserDocument,
  UpdateUserDocument,
  type UserQuery,
} from '../generated/operations.ts';
import { DialogButton } from '../parts/dialog.tsx';

const blank = { id: '', name: '', email: '', billingId: '' };

export function NewUser({ fragment }: { fragment?: string }) {
  const [user, setUser] = useState(blank);
  const create = useChange(CreateUserDocument);
  const navigate = useNavigate();
  const paths = usePaths();
  const field = (name: keyof typeof blank, label: string, placeholder: string) => (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={user[name]}
      onChange={({ currentTarget: { value } }) => setUser((before) => ({ ...before, [name]: value }))}
      required={name === 'id'}
      data-autofocus={name === 'id' || undefined}
    />
  );
  return (
    <DialogButton
      label="New user"
      fragment={fragment}
      title="New user"
      submit="Create user"
      change={create}
      onOpen={() => setUser(blank)}
      onSubmit={async () => {
        const { id, ...facts } = user;
        await create.mutateAsync({ input: { id, ...withoutBlanks(facts) } });
        navigate(paths.user(id));
      }}
    >
      {field('id', 'Id', 'What your code calls the user')}
      {field('name', 'Name', 'Ada Lovelace')}
      {field('email', 'Email', 'ada@example.com')}
      {field('billingId', 'Billing id', 'cus_Lp1bSKob4laHDD')}
    </DialogButton>
  );
}

const withoutBlanks = (facts: Record<string, string>) =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== ''));

type User = UserQuery['user'];

export function EditUser({ user }: { user: User }) {
  const [id, setId] = useState(user.id);
  const [name, setName] = useState(user.name ?? '');
  const update = useChange(UpdateUserDocument);
  const navigate = useNavigate();
  const paths = usePaths();
  return (
    <DialogButton
      label="Edit"
      title={`Edit ${user.name || user.id}`}
      submit="Save"
      change={update}
      button={{ variant: 'default' }}
      onOpen={() => {
        setId(user.id);
        setName(user.name ?? '');
      }}
      onSubmit={async () => {
        await update.mutateAsync({ id: user.id, input: { id, name: name || null } });
        if (id !== user.id) navigate(paths.user(id), { replace: true });
      }}
    >
      <TextInput
        label="Name"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        data-autofocus
      />
      <TextInput
        label="Id"
        description="Usage and subscriptions follow. Your code must use the new id from then on."
        value={id}
        onChange={(event) => setId(event.currentTarget.value)}
        required
      />
    </DialogButton>
  );
}

export function DeleteUser({ user }: { user: User }) {
  const [typed, setTyped] = useState('');
  const remove = useChange(DeleteUserDocument);
  const navigate = useNavigate();
  const paths = usePaths();
  return (
    <DialogButton
      label="Delete"
      title={`Delete ${user.name || user.id}?`}
      submit="Delete permanently"
      change={remove}
      danger
      blocked={typed !== user.id}
      button={{ variant: 'default' }}
      onOpen={() => setTyped('')}
      onSubmit={async () => {
        await remove.mutateAsync({ id: user.id });
        navigate(paths.users);
      }}
    >
      <Text>All subscriptions and all usage of this user are deleted too. This cannot be undone.</Text>
      <TextInput
        label={`Type ${user.id} to confirm`}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        autoComplete="off"
        required
      />
    </DialogButton>
  );
}
