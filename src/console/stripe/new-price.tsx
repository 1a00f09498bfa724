import { Button, Group, Table, Text, TextInput } from '@mantine/core';
import { type ComponentProps, type ReactNode, useState } from 'react';
import { useAnswer } from '../api/hooks.ts';
import { type ProviderPriceInput, StripeAccountDocument } from '../generated/operations.ts';
import { blankPrice, PriceFields, priceInput } from '../packages/price-fields.tsx';
import { Card } from '../parts/card.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { DataTable } from '../parts/table.tsx';
import { formatPrice } from './price.ts';

/** A button that asks for a product with a price. */
export function NewPrice(props: {
  productName: string;
  submit: string;
  change: ComponentProps<typeof DialogButton>['change'];
  onSubmit: (input: ProviderPriceInput) => Promise<unknown>;
  /** What a price means. */
  children: ReactNode;
}) {
  const { productName, submit, change, onSubmit, children } = props;
  const blank = { productName, ...blankPrice };
  const [price, setPrice] = useState(blank);
  const set = (changed: Partial<typeof blank>) => setPrice((before) => ({ ...before, ...changed }));
  return (
    <DialogButton
      label="Create new"
      title="Create a product with a price at Stripe"
      submit={submit}
      change={change}
      onOpen={() => setPrice(blank)}
      button={{ variant: 'default', size: 'xs' }}
      onSubmit={() => onSubmit({ productName: price.productName, ...priceInput(price) })}
    >
      <TextInput
        label="Product name"
        description="Customers see it on their bills."
        value={price.productName}
        onChange={(event) => set({ productName: event.currentTarget.value })}
        required
        data-autofocus
      />
      <PriceFields price={price} set={set} />
      <Text size="sm" c="dimmed">
        {children}
      </Text>
    </DialogButton>
  );
}

const columns = [{ label: 'Product' }, { label: 'Price' }, { label: 'Actions', hidden: true }];

const nothingPending = { isPending: false, error: null, reset: () => undefined };

/** The prices that are made at Stripe once a new package is saved. Nothing while Stripe is not connected. */
export function PlannedPrices(props: {
  packageName: string;
  prices: readonly ProviderPriceInput[];
  onChange: (prices: readonly ProviderPriceInput[]) => void;
}) {
  const { packageName, prices, onChange } = props;
  const isConnected = useAnswer(StripeAccountDocument, {}).data?.stripeConnection != null;
  if (!isConnected) return null;
  const add = (
    <NewPrice
      productName={packageName}
      submit="Add"
      change={nothingPending}
      onSubmit={async (input) => onChange([...prices, input])}
    >
      It is made at Stripe when the package is saved. Who pays it holds the package once that is published.
    </NewPrice>
  );
  return (
    <Card title="Billing information" action={add}>
      {prices.length === 0 ? (
        <Text c="dimmed">
          No price yet. Create one at Stripe together with the package, or later on the page of the package.
        </Text>
      ) : (
        <DataTable label="Prices to create" columns={columns} minWidth={300}>
          {prices.map((price, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two may be alike
            <Table.Tr key={index}>
              <Table.Td>{price.productName}</Table.Td>
              <Table.Td>{formatPrice({ ...price, interval: price.interval ?? null })}</Table.Td>
              <Table.Td>
                <Group justify="end">
                  <Button
                    variant="subtle"
                    color="gray"
                    size="compact-sm"
                    aria-label={`Remove: ${price.productName}`}
                    onClick={() => onChange(prices.filter((each) => each !== price))}
                  >
                    Remove
                  </Button>
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
    </Card>
  );
}
