import { Anchor, Badge, SegmentedControl, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { ProviderSubscriptionsDocument, type ProviderSubscriptionsQuery } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Moment } from '../parts/moment.tsx';
import { Pager, usePages } from '../parts/pager.tsx';
import { DataTable } from '../parts/table.tsx';
import { formatPrice } from './price.ts';

type Purchase = ProviderSubscriptionsQuery['providerSubscriptions'][number];

/** Of customers: all that one customer bought is on one page. */
const pageSize = 50;
/** It is read again after this time. */
const everyMs = 10_000;

const columns = [
  { label: 'Customer at Stripe', wide: true },
  { label: 'User' },
  { label: 'Price' },
  { label: 'Package' },
  { label: 'Status', wide: true },
  { label: 'Period', wide: true },
];

/** What customers bought at Stripe, whose it is, and the package that it pays for. */
export function ProviderSubscriptions() {
  const [shown, setShown] = useState<'all' | 'unmapped'>('all');
  return (
    <Card
      title="Subscriptions at Stripe"
      action={
        <SegmentedControl
          size="xs"
          aria-label="Which subscriptions are shown"
          value={shown}
          onChange={(value) => setShown(value as typeof shown)}
          data={[
            { value: 'all', label: 'All' },
            { value: 'unmapped', label: 'Without a package' },
          ]}
        />
      }
    >
      <Purchases key={shown} unmapped={shown === 'unmapped' ? true : null} />
    </Card>
  );
}

function Purchases({ unmapped }: { unmapped: boolean | null }) {
  const pages = usePages();
  const answer = useAnswer(
    ProviderSubscriptionsDocument,
    { unmapped, after: pages.after ?? null },
    { keepPrevious: true, every: everyMs },
  );
  return (
    <Answer of={answer}>
      {({ providerSubscriptions: purchases }) => (
        <>
          {purchases.length === 0 ? (
            <Text c="dimmed">
              {unmapped === null
                ? 'None yet. An import reads what customers have bought.'
                : 'Every price that somebody pays has a package.'}
            </Text>
          ) : (
            <DataTable label="Subscriptions at Stripe" columns={columns}>
              {purchases.flatMap((purchase) =>
                purchase.items.map((item, index) => (
                  <Row
                    // biome-ignore lint/suspicious/noArrayIndexKey: items have no ids here, and stay in order
                    key={`${purchase.id} ${index}`}
                    purchase={purchase}
                    item={item}
                  />
                )),
              )}
            </DataTable>
          )}
          <Pager
            pages={pages}
            full={new Set(purchases.map(({ customerId }) => customerId)).size === pageSize}
            last={purchases.at(-1)?.customerId}
          />
        </>
      )}
    </Answer>
  );
}

function Row({ purchase, item }: { purchase: Purchase; item: Purchase['items'][number] }) {
  const paths = usePaths();
  const { customerId, user, status, isCollectionPaused } = purchase;
  const { price, priceId, quantity } = item;
  return (
    <Table.Tr>
      <Table.Td>
        <Copyable text={customerId} />
      </Table.Td>
      <Table.Td>
        {user === null ? (
          '–'
        ) : (
          <Anchor component={Link} to={paths.user(user.id)}>
            {user.id}
          </Anchor>
        )}
        <Text size="xs" c="dimmed" hiddenFrom="sm" className="short">
          {customerId}
        </Text>
      </Table.Td>
      <Table.Td>
        {price === null ? (
          <Copyable text={priceId} />
        ) : (
          `${price.productName ?? priceId}, ${formatPrice(price)}`
        )}
        {quantity !== 1 && ` × ${quantity}`}
      </Table.Td>
      <Table.Td>
        {price?.package ? (
          <Anchor component={Link} to={paths.package(price.package.id)}>
            {price.package.name}
          </Anchor>
        ) : (
          <Badge variant="default">No package</Badge>
        )}
        <Text size="xs" c="dimmed" hiddenFrom="sm">
          {status.replaceAll('_', ' ')}
        </Text>
      </Table.Td>
      <Table.Td>
        {status.replaceAll('_', ' ')}
        {isCollectionPaused && ', payments paused'}
      </Table.Td>
      <Table.Td>
        <Period purchase={purchase} periodEndsAt={item.periodEndsAt} />
      </Table.Td>
    </Table.Tr>
  );
}

/** Until when it was paid, ends or has ended. */
function Period({ purchase, periodEndsAt }: { purchase: Purchase; periodEndsAt: string | null }) {
  const { startedAt, endedAt, cancelsAt } = purchase;
  const [word, at] =
    endedAt !== null
      ? ['ended', endedAt]
      : cancelsAt !== null
        ? ['ends', cancelsAt]
        : ['paid until', periodEndsAt];
  return (
    <>
      since <Moment at={startedAt} withTime={false} />
      {at !== null && (
        <>
          , {word} <Moment at={at} withTime={false} />
        </>
      )}
    </>
  );
}
