import { Alert, Select, Table, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import {
  ChoicesDocument,
  LedgerDocument,
  type LedgerQuery,
  RecordUsageDocument,
} from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { choicesOf } from '../parts/ids.ts';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { Pager, usePages } from '../parts/pager.tsx';
import { State } from '../parts/state.tsx';
import { DataTable } from '../parts/table.tsx';
import { formatChange } from '../usage/change.ts';
import { recorderOf, useEntries } from './authors.ts';
import { revertedId, revertKey, revertNote } from './revert.ts';

type Usage = LedgerQuery['usageEvents'][number];

const pageSize = 20;
const columns = [
  { label: 'Used at' },
  { label: 'Feature', wide: true },
  { label: 'Amount', numeric: true },
  { label: 'From', wide: true },
  { label: 'Note', wide: true },
  { label: 'Id', wide: true },
  { label: 'Actions', hidden: true },
];

/** Every recorded usage of a user, newest first. */
export function Ledger({ userId }: { userId: string }) {
  const choices = useAnswer(ChoicesDocument, {});
  const [featureId, setFeatureId] = useState<string | null>(null);
  const features = choices.data?.features.filter(({ type }) => type === 'CONSUMABLE') ?? [];
  const filter = (
    <Select
      aria-label="Show only"
      placeholder="All features"
      data={choicesOf(features)}
      value={featureId}
      onChange={setFeatureId}
      size="xs"
      searchable
      clearable
      clearButtonProps={{ 'aria-label': 'All features' }}
    />
  );
  return (
    <Card title="Ledger" action={filter}>
      <Rows key={featureId} userId={userId} featureId={featureId} />
    </Card>
  );
}

function Rows({ userId, featureId }: { userId: string; featureId: string | null }) {
  const pages = usePages();
  const variables = { userId, featureId, first: pageSize, after: pages.after };
  const answer = useAnswer(LedgerDocument, variables, { keepPrevious: true });
  const entries = useEntries(userId, 'USAGE');
  return (
    <Answer of={answer}>
      {({ usageEvents }) =>
        usageEvents.length === 0 && pages.isFirst ? (
          <Text c="dimmed" size="sm">
            Nothing has been recorded yet.
          </Text>
        ) : (
          <>
            <DataTable label="Ledger" columns={columns}>
              {usageEvents.map((usage) => (
                <Table.Tr key={usage.id}>
                  <Table.Td>
                    <Moment at={usage.occurredAt} />
                    <Text size="xs" c="dimmed" hiddenFrom="sm" style={{ overflowWrap: 'anywhere' }}>
                      {usage.note ? `${usage.feature.name}: ${usage.note}` : usage.feature.name}
                    </Text>
                  </Table.Td>
                  <Table.Td>{usage.feature.name}</Table.Td>
                  <Table.Td ta="right">
                    {formatChange(usage)}
                    <Paid amount={usage.drawnFromTopUps} />
                  </Table.Td>
                  <Table.Td>{recorderOf(entries, usage) ?? sources[usage.source]}</Table.Td>
                  <Table.Td style={{ overflowWrap: 'anywhere' }}>{usage.note}</Table.Td>
                  <Table.Td>
                    <Text size="xs" c="dimmed">
                      {usage.id}
                    </Text>
                  </Table.Td>
                  <Table.Td ta="right">
                    <Undo
                      userId={userId}
                      usage={usage}
                      isReverted={usageEvents.some((each) => revertedId(each) === usage.id)}
                    />
                  </Table.Td>
                </Table.Tr>
              ))}
            </DataTable>
            <Pager pages={pages} full={usageEvents.length === pageSize} last={usageEvents.at(-1)?.id} />
          </>
        )
      }
    </Answer>
  );
}

/** What top-ups paid of a usage, or got back. */
const Paid = ({ amount }: { amount: number }) =>
  amount !== 0 && (
    <Text size="xs" c="dimmed">
      {amount > 0 ? `${formatNumber(amount)} from top-ups` : `${formatNumber(-amount)} back to top-ups`}
    </Text>
  );

const sources = { API: 'API', SEGMENT: 'Segment' } as const;

/** A SET has no delta of its own, so only additions can be reverted. */
function Undo({ userId, usage, isReverted }: { userId: string; usage: Usage; isReverted: boolean }) {
  const [reason, setReason] = useState('');
  const record = useChange(RecordUsageDocument);
  const { id, feature, delta, occurredAt, action } = usage;
  const isDuplicate = record.data?.recordUsage?.duplicate === true;
  if (isReverted) return <State>Reverted</State>;
  if (action === 'SET' || delta === 0) return null;
  const opposite = formatChange({ ...usage, delta: -delta });
  return (
    <DialogButton
      label="Revert"
      about={`${feature.name} ${id}`}
      title={`Revert ${formatChange(usage)} of ${feature.name}?`}
      submit={`Record ${opposite}`}
      change={record}
      button={{ variant: 'subtle', color: 'gray', size: 'compact-sm' }}
      onOpen={() => setReason('')}
      onSubmit={async () => {
        const note = revertNote(id, reason);
        const input = { userId, featureId: feature.id, delta: -delta, timestamp: occurredAt, note };
        const { recordUsage } = await record.mutateAsync({
          input: { ...input, idempotencyKey: revertKey(id) },
        });
        if (recordUsage?.duplicate) throw new Error('reverted before');
      }}
    >
      <Text>
        {opposite} is recorded at the time of this usage, so that it counts in the same period. The row stays.
        The note names it: “{revertNote(id, '')}”.
      </Text>
      <TextInput
        label="Reason"
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        maxLength={200}
      />
      {isDuplicate && (
        <Alert color="yellow" role="alert">
          It was reverted before. Nothing was recorded.
        </Alert>
      )}
    </DialogButton>
  );
}
