import { Alert, Group, Switch, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useChange, useEnvironment } from '../api/hooks.ts';
import { ApiKeysDocument, RequireUserTokenDocument } from '../generated/operations.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Moment } from '../parts/moment.tsx';
import { useRefusal } from '../parts/permission.tsx';
import { useIsPhone } from '../parts/phone.ts';
import { DataTable } from '../parts/table.tsx';
import { EditKey, NewKey, RevokeKey, RotateKey } from './key-dialogs.tsx';
import { isOver, type Key, kinds, mayDoAll, shortOf } from './key-terms.ts';

const columns = [
  { label: 'Key' },
  { label: 'Kind', wide: true },
  { label: 'Last used' },
  { label: 'Ends', wide: true },
  { label: 'Created', wide: true },
  { label: 'Actions', hidden: true, wide: true },
];

export function Keys() {
  const keys = useAnswer(ApiKeysDocument, {});
  const [made, setMade] = useState<string | null>(null);
  return (
    <Card title="API keys" action={<NewKey onMade={setMade} />}>
      <Text c="dimmed">Give each program a key of its own, with a name: the audit log shows it.</Text>
      {made !== null && (
        <Alert
          color="gray"
          role="status"
          title="Copy the new key now. It is shown only once."
          withCloseButton
          closeButtonLabel="Hide the key"
          onClose={() => setMade(null)}
        >
          <Copyable text={made} />
        </Alert>
      )}
      <Answer of={keys}>
        {({ apiKeys, environment }) => (
          <>
            <DataTable label="API keys" columns={columns}>
              {apiKeys.map((key) => (
                <KeyRow key={key.id} apiKey={key} onMade={setMade} />
              ))}
            </DataTable>
            <TokenSetting isRequired={environment.requireUserToken} />
          </>
        )}
      </Answer>
    </Card>
  );
}

function KeyRow({ apiKey, onMade }: { apiKey: Key; onMade: (key: string) => void }) {
  const environment = useEnvironment();
  const { name, kind, scopes, lastUsedAt, createdAt } = apiKey;
  const isUsable = !isOver(apiKey);
  const isPhone = useIsPhone();
  const actions = apiKey.revokedAt === null && (
    <Group gap={4} justify="end" className="actions">
      <EditKey apiKey={apiKey} />
      {isUsable && <RotateKey apiKey={apiKey} onMade={onMade} />}
      <RevokeKey apiKey={apiKey} />
    </Group>
  );
  return (
    <Table.Tr>
      <Table.Td>
        {name !== null && <Text fw={500}>{name}</Text>}
        <Text className="mono" c={name === null ? undefined : 'dimmed'}>
          {shortOf(apiKey, environment)}
        </Text>
        {isPhone && actions}
      </Table.Td>
      <Table.Td>
        {kinds[kind].label}
        {kind === 'PRIVATE' && !mayDoAll(apiKey) && (
          <Text size="sm" c="dimmed">
            {scopes.join(', ')}
          </Text>
        )}
      </Table.Td>
      <Table.Td>{lastUsedAt === null ? 'Never' : <Moment at={lastUsedAt} />}</Table.Td>
      <Table.Td>
        <End apiKey={apiKey} />
      </Table.Td>
      <Table.Td>
        <Moment at={createdAt} withTime={false} />
      </Table.Td>
      <Table.Td ta="right">{!isPhone && actions}</Table.Td>
    </Table.Tr>
  );
}

function End({ apiKey: { revokedAt, expiresAt, ...rest } }: { apiKey: Key }) {
  if (revokedAt !== null)
    return (
      <>
        Revoked <Moment at={revokedAt} />
      </>
    );
  if (expiresAt === null) return 'Never';
  return (
    <>
      {isOver({ revokedAt, expiresAt, ...rest }) && 'Expired '}
      <Moment at={expiresAt} />
    </>
  );
}

/** Whether browsers need a user token. */
function TokenSetting({ isRequired }: { isRequired: boolean }) {
  const change = useChange(RequireUserTokenDocument);
  const refusal = useRefusal();
  // What was chosen shows at once; it goes back if the server refuses.
  const chosen = change.isPending ? change.variables.requireUserToken : isRequired;
  return (
    <>
      <Switch
        label="Browsers need a user token"
        description="Then a public key with the id of a user does not read. Your server makes tokens with generateUserToken."
        checked={chosen}
        disabled={change.isPending || refusal !== null}
        title={refusal ?? undefined}
        onChange={(event) => change.mutate({ requireUserToken: event.currentTarget.checked })}
      />
      <Failure error={change.error} />
    </>
  );
}
