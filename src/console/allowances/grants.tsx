import { Box, Table, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import { GrantsDocument, type GrantsQuery, RevokeGrantDocument } from '../generated/operations.ts';
import { formatGrant } from '../packages/grant.ts';
import { Answer } from '../parts/answer.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import { Pager, usePages } from '../parts/pager.tsx';
import { State } from '../parts/state.tsx';
import { DataTable } from '../parts/table.tsx';
import { authorOf, useEntries } from './authors.ts';
import { givenPageSize as pageSize } from './given-tabs.ts';
import { Why } from './why.tsx';

type Grant = GrantsQuery['grants'][number];

/** Refresh interval in milliseconds: a grant ends by itself. */
const pace = 10_000;
const columns = [
  { label: 'Feature' },
  { label: 'Limit' },
  { label: 'From', wide: true },
  { label: 'Until' },
  { label: 'Who and why', wide: true },
  { label: 'Actions', hidden: true },
];

/** The feature grants of a user, newest first, ended ones too. */
export function GrantList({ userId }: { userId: string }) {
  const pages = usePages();
  const variables = { userId, first: pageSize, after: pages.after };
  const answer = useAnswer(GrantsDocument, variables, { keepPrevious: true, every: pace });
  const entries = useEntries(userId, 'FEATURE_GRANT');
  return (
    <Answer of={answer}>
      {({ grants }) =>
        grants.length === 0 && pages.isFirst ? (
          <Text c="dimmed" size="sm">
            None. A grant is a limit for this user alone: “Give more” above raises a limit until a date.
          </Text>
        ) : (
          <>
            <DataTable label="Grants" columns={columns}>
              {grants.map((grant) => (
                <Table.Tr key={grant.id}>
                  <Table.Td>
                    {grant.feature.name}
                    <Box hiddenFrom="sm">
                      <Why who={authorOf(entries, grant.id, 'grantFeature')} why={grant.reason} />
                    </Box>
                  </Table.Td>
                  <Table.Td>{formatGrant({ ...grant, type: grant.feature.type, timeZone: null })}</Table.Td>
                  <Table.Td>
                    <Moment at={grant.startsAt} />
                  </Table.Td>
                  <Table.Td>{grant.endsAt === null ? 'No end' : <Moment at={grant.endsAt} />}</Table.Td>
                  <Table.Td>
                    <Why who={authorOf(entries, grant.id, 'grantFeature')} why={grant.reason} />
                    {grant.revokedAt !== null && (
                      <Why
                        what="Revoked"
                        who={authorOf(entries, grant.id, 'revokeGrant')}
                        why={grant.revokeReason}
                      />
                    )}
                  </Table.Td>
                  <Table.Td ta="right">
                    {isOpen(grant) ? (
                      <Revoke grant={grant} />
                    ) : (
                      grant.revokedAt === null && <State>Ended</State>
                    )}
                  </Table.Td>
                </Table.Tr>
              ))}
            </DataTable>
            <Pager pages={pages} full={grants.length === pageSize} last={grants.at(-1)?.id} />
          </>
        )
      }
    </Answer>
  );
}

const isOpen = ({ revokedAt, endsAt }: Grant) =>
  revokedAt === null && (endsAt === null || new Date(endsAt) > new Date());

function Revoke({ grant }: { grant: Grant }) {
  const [reason, setReason] = useState('');
  const revoke = useChange(RevokeGrantDocument);
  return (
    <DialogButton
      label="Revoke"
      about={grant.feature.name}
      title={`Revoke the grant of ${grant.feature.name}?`}
      submit="Revoke"
      keep="Keep it"
      change={revoke}
      danger
      button={{ variant: 'subtle', color: 'gray', size: 'compact-sm' }}
      onOpen={() => setReason('')}
      onSubmit={() => revoke.mutateAsync({ id: grant.id, reason: reason || null })}
    >
      <Text>It ends now. What was used stays recorded, and the user's packages count again.</Text>
      <TextInput
        label="Reason"
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        maxLength={255}
      />
    </DialogButton>
  );
}
