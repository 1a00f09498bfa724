import { Badge, Group, Select, Stack, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import {
  CreateProviderPriceDocument,
  FreePricesDocument,
  MapPriceDocument,
  PackageBillingDocument,
  type PackageBillingQuery,
} from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { DataTable } from '../parts/table.tsx';
import { NewPrice } from './new-price.tsx';
import { formatPrice } from './price.ts';
import { Templates } from './templates.tsx';

export type BillingPrice = PackageBillingQuery['providerPrices'][number];

interface Subject {
  id: string;
  name: string;
}

const columns = [{ label: 'Product' }, { label: 'Price' }, { label: 'Price id', wide: true }];

/** What a package costs at Stripe, and what payment links of it sell. Nothing while Stripe is not connected. */
export function PackageBilling({ subject }: { subject: Subject }) {
  const answer = useAnswer(PackageBillingDocument, { id: subject.id });
  return (
    <Answer of={answer}>
      {({ stripeConnection, providerPrices, package: { billingTemplates } }) =>
        stripeConnection !== null && (
          <Stack>
            <BillingPrices subject={subject} prices={providerPrices} />
            <Templates subject={subject} prices={providerPrices} templates={billingTemplates} />
          </Stack>
        )
      }
    </Answer>
  );
}

function BillingPrices({ subject, prices }: { subject: Subject; prices: readonly BillingPrice[] }) {
  const actions = (
    <Group gap="xs">
      <PickPrice subject={subject} />
      <CreatePrice subject={subject} />
    </Group>
  );
  return (
    <Card title="Billing information" action={actions}>
      {prices.length === 0 ? (
        <Text c="dimmed">Nothing at Stripe pays for it yet. Create a price there, or pick one.</Text>
      ) : (
        <DataTable label="Prices at Stripe" columns={columns}>
          {prices.map((price) => (
            <Table.Tr key={price.id}>
              <Table.Td>
                {price.productName ?? '–'}{' '}
                {!price.isActive && <Badge variant="default">No longer sold</Badge>}
              </Table.Td>
              <Table.Td>{formatPrice(price)}</Table.Td>
              <Table.Td>
                <Copyable text={price.id} />
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
    </Card>
  );
}

function CreatePrice({ subject }: { subject: Subject }) {
  const create = useChange(CreateProviderPriceDocument);
  return (
    <NewPrice
      productName={subject.name}
      submit="Create"
      change={create}
      onSubmit={(input) => create.mutateAsync({ packageId: subject.id, input })}
    >
      Who pays it holds {subject.name}. The price pays for this package for good.
    </NewPrice>
  );
}

function PickPrice({ subject }: { subject: Subject }) {
  const [priceId, setPriceId] = useState<string | null>(null);
  const [opened, setOpened] = useState(false);
  const prices = useAnswer(FreePricesDocument, {}, { enabled: opened });
  const save = useChange(MapPriceDocument);
  return (
    <DialogButton
      label="Pick from Stripe"
      title={`Which price pays for ${subject.name}?`}
      submit="Save"
      change={save}
      blocked={priceId === null}
      onOpen={() => {
        setPriceId(null);
        setOpened(true);
      }}
      onSubmit={() => save.mutateAsync({ priceId: priceId ?? '', packageId: subject.id })}
      button={{ variant: 'default', size: 'xs' }}
    >
      <Select
        label="Price at Stripe"
        description="Those that pay for no package yet."
        nothingFoundMessage="Every price pays for a package already."
        data={(prices.data?.providerPrices ?? []).map((price) => ({
          value: price.id,
          label: `${price.productName ?? price.id}, ${formatPrice(price)}`,
        }))}
        value={priceId}
        onChange={setPriceId}
        searchable
        required
        data-autofocus
      />
      <Text size="sm" c="dimmed">
        Customers who pay it hold {subject.name} from then on, those who pay already included. This cannot be
        changed later.
      </Text>
    </DialogButton>
  );
}
