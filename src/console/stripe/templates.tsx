import { MultiSelect, Select, Table, Text, TextInput } from '@mantine/core';
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
  const sold = (id: string, currency: string) => {
    const price = prices.find((each) => each.id === id);
    if (price === undefined) return id;
    const { productName } = price;
    // Stripe has another amount for it.
    return price.currency === currency
      ? formatPrice(price)
      : `${productName ?? id} in ${currency.toUpperCase()}`;
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
          {templates.map(({ id, priceIds, currency }) => (
            <Table.Tr key={id}>
              <Table.Td>
                <Copyable text={id} />
              </Table.Td>
              <Table.Td>{priceIds.map((priceId) => sold(priceId, currency)).join(' and ')}</Table.Td>
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
  const [wanted, setWanted] = useState<string | null>(null);
  const create = useChange(CreateBillingTemplateDocument);
  const active = prices.filter(({ isActive }) => isActive);
  const first = active.find((price) => chosen.includes(price.id));
  const recurring = active.find((price) => chosen.includes(price.id) && price.interval !== null);
  const shared = (first?.currencies ?? []).filter((code) =>
    active.every((price) => !chosen.includes(price.id) || price.currencies.includes(code)),
  );
  const currency = wanted !== null && shared.includes(wanted) ? wanted : (first?.currency ?? '');
  const idOrSuggestion =
    id || (first === undefined ? '' : suggestedId(subject.id, recurring ?? first, currency));
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
        setWanted(null);
      }}
      onSubmit={() =>
        create.mutateAsync({
          packageId: subject.id,
          input: {
            id: idOrSuggestion,
            currency,
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
      {shared.length > 1 && (
        <Select
          label="Currency"
          description="A link sells in one. Stripe has an amount of its own for each."
          data={shared.map((code) => ({ value: code, label: code.toUpperCase() }))}
          value={currency}
          onChange={setWanted}
          allowDeselect={false}
        />
      )}
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

/** In another currency than its own, the amount of a price is not known here. */
const suggestedId = (packageId: string, price: BillingPrice, currency: string) =>
  templateIdOf(packageId, { ...price, currency, amount: currency === price.currency ? price.amount : null });

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
