import { Checkbox, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useChange, useEnvironment, useSessions } from '../api/hooks.ts';
import {
  type ApiKeyKind,
  type ApiKeyScope,
  CreateApiKeyDocument,
  RevokeApiKeyDocument,
  RotateApiKeyDocument,
  UpdateApiKeyDocument,
} from '../generated/operations.ts';
import { DialogButton } from '../parts/dialog.tsx';
import { type Key, kinds, mayDoAll, scopes, shortOf } from './key-terms.ts';

const inRow = { variant: 'subtle', color: 'gray', size: 'xs' } as const;

/** What is chosen about a key. */
interface Terms {
  name: string;
  /** Null: everything. */
  scopes: ApiKeyScope[] | null;
}

const lifetimes = [
  { value: '', label: 'Never' },
  { value: '7', label: 'In 7 days' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
];

const inDays = (days: string) =>
  days === '' ? null : new Date(Date.now() + Number(days) * 86_400_000).toISOString();

export function NewKey({ onMade }: { onMade: (key: string) => void }) {
  const create = useChange(CreateApiKeyDocument);
  const [kind, setKind] = useState<ApiKeyKind>('PRIVATE');
  const [days, setDays] = useState('');
  const [terms, setTerms] = useState<Terms>({ name: '', scopes: null });
  return (
    <DialogButton
      label="New key"
      title="New key"
      submit="Create key"
      change={create}
      button={{ variant: 'default', size: 'xs' }}
      blocked={terms.scopes?.length === 0}
      onOpen={() => setTerms({ name: '', scopes: null })}
      onSubmit={async () => {
        const { name } = terms;
        const chosen = kind === 'PRIVATE' ? terms.scopes : null;
        const made = await create.mutateAsync({ kind, name, scopes: chosen, expiresAt: inDays(days) });
        onMade(made.createApiKey.key);
      }}
    >
      <Stack gap={4}>
        <SegmentedControl
          aria-label="Kind"
          data={(Object.keys(kinds) as ApiKeyKind[]).map((value) => ({ value, label: kinds[value].label }))}
          value={kind}
          onChange={(value) => setKind(value as ApiKeyKind)}
        />
        <Text size="sm" c="dimmed">
          {kinds[kind].use}
        </Text>
      </Stack>
      <TermFields kind={kind} terms={terms} onChange={setTerms} />
      <Select
        label="Ends"
        data={lifetimes}
        value={days}
        allowDeselect={false}
        onChange={(value) => setDays(value ?? '')}
      />
    </DialogButton>
  );
}

/** The name of a key, and what a private one may do. */
function TermFields(props: { kind: ApiKeyKind; terms: Terms; onChange: (terms: Terms) => void }) {
  const { kind, terms, onChange } = props;
  return (
    <>
      <TextInput
        label="Name"
        description="What it is for. The audit log shows it."
        placeholder="Billing worker"
        value={terms.name}
        onChange={(event) => onChange({ ...terms, name: event.currentTarget.value })}
      />
      {kind === 'PRIVATE' && (
        <Checkbox.Group
          label="May do"
          value={terms.scopes ?? ['admin']}
          onChange={(value) => onChange({ ...terms, scopes: value as ApiKeyScope[] })}
        >
          <Stack gap="xs" mt="xs">
            {(Object.keys(scopes) as ApiKeyScope[]).map((scope) => (
              <Checkbox key={scope} value={scope} label={`${scopes[scope]} (${scope})`} />
            ))}
          </Stack>
        </Checkbox.Group>
      )}
    </>
  );
}

export function EditKey({ apiKey }: { apiKey: Key }) {
  const environment = useEnvironment();
  const update = useChange(UpdateApiKeyDocument);
  const initial: Terms = { name: apiKey.name ?? '', scopes: mayDoAll(apiKey) ? null : apiKey.scopes };
  const [terms, setTerms] = useState(initial);
  return (
    <DialogButton
      label="Edit"
      about={shortOf(apiKey, environment)}
      title={`Edit ${shortOf(apiKey, environment)}`}
      submit="Save"
      change={update}
      button={inRow}
      blocked={terms.scopes?.length === 0}
      onOpen={() => setTerms(initial)}
      onSubmit={() =>
        update.mutateAsync({
          id: apiKey.id,
          name: terms.name,
          ...(apiKey.kind === 'PRIVATE' ? { scopes: terms.scopes } : {}),
        })
      }
    >
      <TermFields kind={apiKey.kind} terms={terms} onChange={setTerms} />
    </DialogButton>
  );
}

export function RotateKey({ apiKey, onMade }: { apiKey: Key; onMade: (key: string) => void }) {
  const environment = useEnvironment();
  const rotate = useChange(RotateApiKeyDocument);
  const short = shortOf(apiKey, environment);
  return (
    <DialogButton
      label="Rotate"
      about={short}
      title={`Rotate ${short}?`}
      submit="Create the new key"
      change={rotate}
      button={inRow}
      onSubmit={async () => onMade((await rotate.mutateAsync({ id: apiKey.id })).rotateApiKey.key)}
    >
      <Text>A new key with the same name and rights is made. The old one works for 24 hours more.</Text>
    </DialogButton>
  );
}

export function RevokeKey({ apiKey }: { apiKey: Key }) {
  const environment = useEnvironment();
  const sessions = useSessions();
  const revoke = useChange(RevokeApiKeyDocument);
  const short = shortOf(apiKey, environment);
  const isMine = sessions.data?.some(
    (session) => session.environment === environment && session.lastFour === apiKey.lastFour,
  );
  return (
    <DialogButton
      label="Revoke"
      about={short}
      title={`Revoke ${short}?`}
      submit="Revoke permanently"
      change={revoke}
      danger
      button={inRow}
      onSubmit={() => revoke.mutateAsync({ id: apiKey.id })}
    >
      <Text>
        Calls with it stop working within 5 seconds. Sessions that began with it end. This cannot be undone.
      </Text>
      {isMine && apiKey.kind === 'PRIVATE' && (
        <Text fw={600}>It looks like the key that you are signed in with: you will be signed out.</Text>
      )}
    </DialogButton>
  );
}
