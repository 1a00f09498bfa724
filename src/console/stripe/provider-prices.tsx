import { Anchor, Badge, Select, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { useAnswer, useChange } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { MapPriceDocument, PackagesDocument, type StripeQuery } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { choicesOf } from '../parts/ids.ts';
import { Pager, type Pages } from '../parts/pager.tsx';
import { DataTable } from '../parts/table.tsx';
import { formatPrice } from './price.ts';

type Price = NonNullable<StripeQuery['providerPrices']>[number];

const pageSize = 50;

const columns = [
  { label: 'Product' },
  { label: 'Price' },
  { label: 'Price id', wide: true },
  { label: 'Package' },
];

/** The prices at Stripe, and the package that each pays for. */
export function ProviderPrices({ prices, pages }: { prices: readonly Price[]; pages: Pages }) {
  const paths = usePaths();
  return (
    <Card title="Prices">
      {prices.length === 0 ? (
        <Text c="dimmed">None yet. An import reads the prices of your account.</Text>
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
              <Table.Td>
                {price.package === null ? (
                  <MapPrice price={price} />
                ) : (
                  <Anchor component={Link} to={paths.package(price.package.id)}>
                    {price.package.name}
                  </Anchor>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
      <Pager pages={pages} full={prices.length === pageSize} last={prices.at(-1)?.id} />
    </Card>
  );
}

function MapPrice({ price }: { price: Price }) {
  const [packageId, setPackageId] = useState<string | null>(null);
  const [opened, setOpened] = useState(false);
  const packages = useAnswer(PackagesDocument, {}, { enabled: opened });
  const save = useChange(MapPriceDocument);
  return (
    <DialogButton
      label="Choose a package"
      about={price.productName ?? price.id}
      title={`Which package does ${price.productName ?? price.id} pay for?`}
      submit="Save"
      change={save}
      blocked={packageId === null}
      onOpen={() => {
        setPackageId(null);
        setOpened(true);
      }}
      onSubmit={() => save.mutateAsync({ priceId: price.id, packageId: packageId ?? '' })}
      button={{ variant: 'default', size: 'compact-sm' }}
    >
      <Select
        label="Package"
        data={choicesOf(packages.data?.packages ?? [])}
        value={packageId}
        onChange={setPackageId}
        searchable
        required
        data-autofocus
      />
      <Text size="sm" c="dimmed">
        Customers who pay {formatPrice(price)} hold it from then on, those who pay already included. This
        cannot be changed later.
      </Text>
    </DialogButton>
  );
}
