import { Alert, Badge, Button, Group, Table, Text } from '@mantine/core';
import { useAnswer, useChange, useEnvironment, useSessions } from '../api/hooks.ts';
import {
  type ApiKeyKind,
  ApiKeysDocument,
  type ApiKeysQuery,
  CreateApiKeyDocument,
  RevokeApiKeyDocument,
} from '../generated/operations.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import { DataTable } from '../parts/table.tsx';

const columns = [
  { label: 'Key' },
  { label: 'Kind' },
  { label: 'Created' },
  { label: 'Status' },
  { label: 'Actions', hidden: true },
];

type Key = ApiKeysQuery['apiKeys'][number];

const kinds: Record<ApiKeyKind, { label: string; prefix: string }> = {
  PRIVATE: { label: 'Private', prefix: 'prv' },
  PUBLIC: { label: 'Public', prefix: 'pub' },
  WRITE: { label: 'Write', prefix: 'wrt' },
};

/** The prefix and the last four characters of the key. */
const shortOf = ({ kind, lastFour }: Key, environment: string) =>
  `${kinds[kind].prefix}_${environment}_…${lastFour}`;

export function Keys() {
  const environment = useEnvironment();
  const keys = useAnswer(ApiKeysDocument, {});
  const create = useChange(CreateApiKeyDocument);
  const button = (kind: ApiKeyKind, label: string) => (
    <Button
      variant="default"
      size="xs"
      loading={create.isPending && create.variables.kind === kind}
      onClick={() => create.mutate({ kind })}
    >
      {label}
    </Button>
  );
  return (
    <Card
      title="API keys"
      action={
        <Group gap="xs">
          {button('PRIVATE', 'New private key')}
          {button('PUBLIC', 'New public key')}
          {button('WRITE', 'New write key')}
        </Group>
      }
    >
      <Text c="dimmed">
        A private key is for your servers, and for this console: it may do everything in the {environment}{' '}
        environment. A public key is for browsers: it reads what one user may see. A write key is for event
        libraries: it sends events, and can do nothing else.
      </Text>
      {create.data && (
        <Alert
          color="gray"
          role="status"
          title="Copy the new key now. It is shown only once."
          withCloseButton
          closeButtonLabel="Hide the key"
          onClose={create.reset}
        >
          <Copyable text={create.data.createApiKey.key} />
        </Alert>
      )}
      <Failure error={create.error} />
      <Answer of={keys}>
        {({ apiKeys }) => (
          <DataTable label="API keys" columns={columns}>
            {apiKeys.map((key) => (
              <Table.Tr key={key.id}>
                <Table.Td className="mono">{shortOf(key, environment)}</Table.Td>
                <Table.Td>{kinds[key.kind].label}</Table.Td>
                <Table.Td>
                  <Moment at={key.createdAt} />
                </Table.Td>
                <Table.Td>
                  {key.revokedAt === null ? (
                    <Badge radius="sm" tt="none">
                      Valid
                    </Badge>
                  ) : (
                    <>
                      Revoked <Moment at={key.revokedAt} />
                    </>
                  )}
                </Table.Td>
                <Table.Td ta="right">{key.revokedAt === null && <Revoke apiKey={key} />}</Table.Td>
              </Table.Tr>
            ))}
          </DataTable>
        )}
      </Answer>
    </Card>
  );
}

function Revoke({ apiKey }: { apiKey: Key }) {
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
      button={{ variant: 'subtle', color: 'gray', size: 'xs' }}
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
