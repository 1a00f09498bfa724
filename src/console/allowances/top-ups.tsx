import { Badge, Box, Button, Group, Table, Text, TextInput } from '@mantine/core';
import { useId, useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import { TopUpsDocument, type TopUpsQuery, VoidTopUpDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { Pager, usePages } from '../parts/pager.tsx';
import { DataTable } from '../parts/table.tsx';
import { authorOf, useEntries } from './authors.ts';
import { Draws } from './draws.tsx';
import { givenPageSize as pageSize } from './given-tabs.ts';
import { Why } from './why.tsx';

type TopUp = TopUpsQuery['topUps'][number];

const columns = [
  { label: 'Feature' },
  { label: 'Left', numeric: true },
  { label: 'Of', numeric: true, wide: true },
  { label: 'Given', wide: true },
  { label: 'Expires' },
  { label: 'Who and why', wide: true },
  { label: 'Actions', hidden: true },
];

/** The top-ups of a user, newest first, those that are over too. */
export function TopUpList({ userId }: { userId: string }) {
  const pages = usePages();
  const variables = { userId, first: pageSize, after: pages.after };
  const answer = useAnswer(TopUpsDocument, variables, { keepPrevious: true });
  const entries = useEntries(userId, 'TOP_UP');
  return (
    <Answer of={answer}>
      {({ topUps }) =>
        topUps.length === 0 && pages.isFirst ? (
          <Text c="dimmed" size="sm">
            None. A top-up is an amount that is used once the limit is used up: “Give more” above adds one.
          </Text>
        ) : (
          <>
            <DataTable label="Top-ups" columns={columns}>
              {topUps.map((each) => (
                <Row key={each.id} topUp={each} entries={entries} />
              ))}
            </DataTable>
            <Pager pages={pages} full={topUps.length === pageSize} last={topUps.at(-1)?.id} />
          </>
        )
      }
    </Answer>
  );
}

/** One top-up. Its single draws are asked for when it is opened. */
function Row({ topUp, entries }: { topUp: TopUp; entries: Parameters<typeof authorOf>[0] }) {
  const [opened, setOpened] = useState(false);
  const drawsId = useId();
  const { id, feature, amount, createdAt, expiresAt, reason, voidedAt, voidReason } = topUp;
  return (
    <>
      <Table.Tr>
        <Table.Td>
          {feature.name}
          <Box hiddenFrom="sm">
            <Why who={authorOf(entries, id, 'topUp')} why={reason} />
          </Box>
        </Table.Td>
        <Table.Td ta="right">
          <Left topUp={topUp} />
        </Table.Td>
        <Table.Td ta="right">{formatNumber(amount)}</Table.Td>
        <Table.Td>
          <Moment at={createdAt} />
        </Table.Td>
        <Table.Td>{expiresAt === null ? 'Never' : <Moment at={expiresAt} />}</Table.Td>
        <Table.Td>
          <Why who={authorOf(entries, id, 'topUp')} why={reason} />
          {voidedAt !== null && (
            <Why what="Voided" who={authorOf(entries, id, 'voidTopUp')} why={voidReason} />
          )}
        </Table.Td>
        <Table.Td ta="right">
          <Group gap={4} className="actions" justify="end">
            <Button
              variant="subtle"
              color="gray"
              size="compact-sm"
              aria-label={`${opened ? 'Hide draws' : 'Draws'}: ${formatNumber(amount)} ${feature.name}`}
              aria-expanded={opened}
              aria-controls={opened ? drawsId : undefined}
              onClick={() => setOpened(!opened)}
            >
              {opened ? 'Hide draws' : 'Draws'}
            </Button>
            {stateOf(topUp) === null && <Void topUp={topUp} />}
          </Group>
        </Table.Td>
      </Table.Tr>
      {opened && (
        <Table.Tr id={drawsId}>
          <Table.Td colSpan={columns.length} bg="var(--mantine-color-default-hover)">
            <Draws topUpId={id} />
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

/** Why nothing can be used of it; null if something can. */
function stateOf({ voidedAt, expiresAt, remaining }: TopUp): string | null {
  if (voidedAt !== null) return 'Voided';
  if (remaining === 0) return 'Used up';
  return expiresAt !== null && new Date(expiresAt) <= new Date() ? 'Expired' : null;
}

/** What can still be used. The server tells what was never used, of a voided one too. */
function Left({ topUp }: { topUp: TopUp }) {
  const state = stateOf(topUp);
  if (state === null) return formatNumber(topUp.remaining);
  return (
    <Group gap={6} justify="end" wrap="nowrap">
      <Badge variant="default" style={{ flexShrink: 0 }}>
        {state}
      </Badge>
      {formatNumber(0)}
    </Group>
  );
}

function Void({ topUp }: { topUp: TopUp }) {
  const [reason, setReason] = useState('');
  const end = useChange(VoidTopUpDocument);
  const { feature, amount, remaining } = topUp;
  return (
    <DialogButton
      label="Void"
      about={feature.name}
      title={`Void the top-up of ${formatNumber(amount)} ${feature.unitLabelPlural ?? feature.name}?`}
      submit="Void"
      keep="Keep it"
      change={end}
      danger
      button={{ variant: 'subtle', color: 'gray', size: 'compact-sm' }}
      onOpen={() => setReason('')}
      onSubmit={() => end.mutateAsync({ id: topUp.id, reason: reason || null })}
    >
      <Text>The {formatNumber(remaining)} that are left are gone. What was used of it stays used.</Text>
      <TextInput
        label="Reason"
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        maxLength={255}
      />
    </DialogButton>
  );
}
