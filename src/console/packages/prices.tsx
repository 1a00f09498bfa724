import { Table, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useChange } from '../api/hooks.ts';
import { RemovePackagePriceDocument, SetPackagePriceDocument } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { DataTable } from '../parts/table.tsx';
import type { Subject } from './package-page.tsx';
import { formatPrice } from './price.ts';
import { blankPrice, PriceFields, priceInput } from './price-fields.tsx';

const columns = [
  { label: 'Price' },
  { label: 'Provider price id' },
  { label: 'Provider', wide: true },
  { label: 'Actions', hidden: true },
];

export function Prices({ subject }: { subject: Subject }) {
  const open = subject.status !== 'ARCHIVED';
  return (
    <Card title="Prices" action={open && <AddPrice subject={subject} />}>
      {subject.prices.length === 0 ? (
        <Text c="dimmed">
          None. Prices say what it costs at your billing provider; nothing is charged here.
        </Text>
      ) : (
        <DataTable label="Prices" columns={columns}>
          {subject.prices.map((price) => (
            <Table.Tr key={price.id}>
              <Table.Td>{formatPrice(price)}</Table.Td>
              <Table.Td>
                <Copyable text={price.id} />
              </Table.Td>
              <Table.Td>{price.provider}</Table.Td>
              <Table.Td ta="right">{open && <RemovePrice subject={subject} price={price} />}</Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
    </Card>
  );
}

const blank = { id: '', ...blankPrice };

function AddPrice({ subject }: { subject: Subject }) {
  const [price, setPrice] = useState(blank);
  const save = useChange(SetPackagePriceDocument);
  const set = (change: Partial<typeof blank>) => setPrice((before) => ({ ...before, ...change }));
  return (
    <DialogButton
      label="Add a price"
      title="Add a price"
      submit="Add"
      change={save}
      onOpen={() => setPrice(blank)}
      button={{ variant: 'default', size: 'xs' }}
      onSubmit={() =>
        save.mutateAsync({
          packageId: subject.id,
          version: subject.version,
          input: {
            id: price.id,
            ...priceInput(price),
          },
        })
      }
    >
      <TextInput
        label="Provider price id"
        placeholder="price_1L7NHvIiEnRX8aivoxbSWREF"
        value={price.id}
        onChange={(event) => set({ id: event.currentTarget.value })}
        required
        data-autofocus
      />
      <PriceFields price={price} set={set} />
    </DialogButton>
  );
}

function RemovePrice({ subject, price }: { subject: Subject; price: Subject['prices'][number] }) {
  const remove = useChange(RemovePackagePriceDocument);
  return (
    <DialogButton
      label="Remove"
      title="Remove this price?"
      submit="Remove"
      change={remove}
      onSubmit={() =>
        remove.mutateAsync({ packageId: subject.id, version: subject.version, priceId: price.id })
      }
      button={{ variant: 'subtle', color: 'gray', size: 'compact-sm' }}
      danger
    >
      <Text>
        {formatPrice(price)} is no longer shown with {subject.name}. At the billing provider it stays.
      </Text>
    </DialogButton>
  );
}
