import { Group, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import {
  CommitReservationDocument,
  OpenReservationsDocument,
  type OpenReservationsQuery,
  ReleaseReservationDocument,
} from '../generated/operations.ts';
import { AmountInput } from '../parts/amount-input.tsx';
import { Answer } from '../parts/answer.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { Pager, usePages } from '../parts/pager.tsx';
import { DataTable } from '../parts/table.tsx';
import { givenPageSize as pageSize } from './given-tabs.ts';

type Reservation = OpenReservationsQuery['openReservations'][number];

const refreshMs = 10_000;
const columns = [
  { label: 'Feature' },
  { label: 'Held', numeric: true },
  { label: 'Id', wide: true },
  { label: 'Since', wide: true },
  { label: 'Lapses' },
  { label: 'Actions', hidden: true },
];

/** What is held now, soonest to lapse first. */
export function ReservationList({ userId }: { userId: string }) {
  const pages = usePages();
  const variables = { userId, first: pageSize, after: pages.after };
  const answer = useAnswer(OpenReservationsDocument, variables, { keepPrevious: true, every: refreshMs });
  return (
    <Answer of={answer}>
      {({ openReservations: open }) =>
        open.length === 0 && pages.isFirst ? (
          <Text c="dimmed" size="sm">
            Nothing is held. A reservation holds an amount for work that goes on, and lapses by itself.
          </Text>
        ) : (
          <>
            <DataTable label="Open reservations" columns={columns}>
              {open.map((each) => (
                <Table.Tr key={each.id}>
                  <Table.Td>{each.feature.name}</Table.Td>
                  <Table.Td ta="right">{formatNumber(each.amount)}</Table.Td>
                  <Table.Td>
                    <Copyable text={each.id} />
                  </Table.Td>
                  <Table.Td>
                    <Moment at={each.createdAt} />
                  </Table.Td>
                  <Table.Td>
                    <Moment at={each.expiresAt} />
                  </Table.Td>
                  <Table.Td>
                    <Group gap={4} className="actions" justify="end">
                      <Commit reservation={each} />
                      <Release reservation={each} />
                    </Group>
                  </Table.Td>
                </Table.Tr>
              ))}
            </DataTable>
            <Pager pages={pages} full={open.length === pageSize} last={open.at(-1)?.id} />
          </>
        )
      }
    </Answer>
  );
}

function Commit({ reservation }: { reservation: Reservation }) {
  const { id, feature, amount: held } = reservation;
  const [amount, setAmount] = useState<number | ''>(held);
  const commit = useChange(CommitReservationDocument);
  return (
    <DialogButton
      label="Commit"
      about={`${feature.name} ${id}`}
      title={`Commit ${feature.name}`}
      submit="Commit"
      change={commit}
      button={{ variant: 'subtle', size: 'compact-sm' }}
      onOpen={() => setAmount(held)}
      onSubmit={() => commit.mutateAsync({ id, amount: amount || 0 })}
    >
      <AmountInput
        label="Really used"
        description={`${formatNumber(held)} are held. More than that is recorded too.`}
        value={amount}
        onChange={setAmount}
        precision={feature.precision}
        required
        data-autofocus
      />
    </DialogButton>
  );
}

function Release({ reservation: { id, feature, amount } }: { reservation: Reservation }) {
  const release = useChange(ReleaseReservationDocument);
  return (
    <DialogButton
      label="Release"
      about={`${feature.name} ${id}`}
      title={`Release ${formatNumber(amount)} of ${feature.name}?`}
      submit="Release"
      keep="Keep it"
      change={release}
      danger
      button={{ variant: 'subtle', color: 'gray', size: 'compact-sm' }}
      onSubmit={() => release.mutateAsync({ id })}
    >
      <Text>Nothing is recorded, and the amount can be used again. It cannot be committed any more.</Text>
    </DialogButton>
  );
}
