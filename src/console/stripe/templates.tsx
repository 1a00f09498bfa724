import { MultiSelect, Table, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useChange } from '../api/hooks.ts';
import {
  CreateBillingTemplateDocument,
  DeleteBillingTemplateDocument,
  type PackageBillingQuery,
} from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { DataTable } from '../parts/table.tsx';
import type { BillingPrice } from './package-billing.tsx';
import { formatPrice, templateIdOf } from './price.ts';

type Template = PackageBillingQuery['package']['billingTemplates'][number];

const columns = [{ label: 'Template' }, { label: 'Sells' }, { label: 'Actions', hidden: true }];

/** What payment links of a package sell: its prices for one currency and billing period. */
export function Templates(props: {
  subject: { id: string };
  prices: readonly BillingPrice[];
  templates: readonly Template[];
}) {
  const { subject, prices, templates } = props;
  const sold = (id: string) => {
    const price = prices.find((each) => each.id === id);
    return price === undefined ? id : formatPrice(price);
  };
  return (
    <Card
      title="Billing templates"
      action={prices.length > 0 && <AddTemplate subject={subject} prices={prices} />}
    >
      {templates.length === 0 ? (
        <Text c="dimmed">
          None. A payment link sells a template: add one for each currency and billing period.
        </Text>
      ) : (
        <DataTable label="Billing templates" columns={columns}>
          {templates.map(({ id, priceIds }) => (
            <Table.Tr key={id}>
              <Table.Td>
                <Copyable text={id} />
              </Table.Td>
              <Table.Td>{priceIds.map(sold).join(' and ')}</Table.Td>
              <Table.Td ta="right">
                <RemoveTemplate id={id} />
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
    </Card>
  );
}

function AddTemplate({ subject, prices }: { subject: { id: string }; prices: readonly BillingPrice[] }) {
  const [chosen, setChosen] = useState<string[]>([]);
  const [id, setId] = useState('');
  const create = useChange(CreateBillingTemplateDocument);
  const active = prices.filter(({ isActive }) => isActive);
  const first = active.find((price) => chosen.includes(price.id));
  const recurring = active.find((price) => chosen.includes(price.id) && price.interval !== null);
  const idOrSuggestion = id || (first === undefined ? '' : templateIdOf(subject.id, recurring ?? first));
  return (
    <DialogButton
      label="Add a template"
      title="Add a billing template"
      submit="Add"
      change={create}
      blocked={first === undefined}
      onOpen={() => {
        setChosen(active.length === 1 ? active.map((price) => price.id) : []);
        setId('');
      }}
      onSubmit={() =>
        create.mutateAsync({
          packageId: subject.id,
          input: {
            id: idOrSuggestion,
            currency: first?.currency ?? '',
            interval: recurring?.interval ?? null,
            prices: chosen,
          },
        })
      }
      button={{ variant: 'default', size: 'xs' }}
    >
      <MultiSelect
        label="Prices"
        description="In one currency, and of one billing period. One-time prices are paid with the first bill."
        data={active.map((price) => ({
          value: price.id,
          label: `${price.productName ?? price.id}, ${formatPrice(price)}`,
        }))}
        value={chosen}
        onChange={setChosen}
        searchable
        data-autofocus
      />
      <TextInput
        label="Id"
        description="What your code calls it."
        value={idOrSuggestion}
        onChange={(event) => setId(event.currentTarget.value)}
        required
      />
    </DialogButton>
  );
}

function RemoveTemplate({ id }: { id: string }) {
  const remove = useChange(DeleteBillingTemplateDocument);
  return (
    <DialogButton
      label="Remove"
      about={id}
      title={`Remove the template ${id}?`}
      submit="Remove"
      change={remove}
      onSubmit={() => remove.mutateAsync({ id })}
      button={{ variant: 'subtle', color: 'gray', size: 'compact-sm' }}
      danger
    >
      <Text>No new links can be made with it. Links that were made go on working.</Text>
    </DialogButton>
  );
}
