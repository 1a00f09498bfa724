import { Anchor, Table, Text } from '@mantine/core';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { type OverviewQuery, SubscriberCountsDocument } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';
import { freshMs } from './ahead.ts';
import { useLimitCounts } from './limit-counts.ts';

const columns = [
  { label: 'Package' },
  { label: 'Subscribers', numeric: true },
  { label: 'Near a limit', numeric: true },
];

/** The published packages, and of each how many users are near its limits: whether it is too small. */
export function Sold({ packages }: { packages: OverviewQuery['packages'] }) {
  const paths = usePaths();
  const counts = useLimitCounts().data?.limitCounts.packages;
  const { data } = useAnswer(SubscriberCountsDocument, {}, { every: freshMs.many, freshMs: freshMs.many });
  const subscribers = new Map(data?.packages.map((each) => [each.id, each.subscriberCount]));
  const countOf = ({ id }: { id: string }) => subscribers.get(id) ?? 0;
  const ranked = [...packages].sort((a, b) => countOf(b) - countOf(a));
  return (
    <Card title="Published packages">
      <DataTable label="Published packages" columns={columns} minWidth={240}>
        {ranked.map(({ id, name, isAddon }) => (
          <Table.Tr key={id}>
            <Table.Td>
              <Anchor component={Link} to={paths.package(id)}>
                {name}
              </Anchor>
              {isAddon && (
                <Text size="xs" c="dimmed">
                  add-on
                </Text>
              )}
            </Table.Td>
            <Table.Td ta="right">{data && formatNumber(countOf({ id }))}</Table.Td>
            <Table.Td ta="right">
              {counts && <AtLimit packageId={id} counts={counts.find((each) => each.package.id === id)} />}
            </Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
      <Text size="xs" c="dimmed">
        Near a limit: users of 80% or more of what the package gives, blocked ones included.
      </Text>
    </Card>
  );
}

/** How many are near a limit of a package; leads to them. */
function AtLimit(props: { packageId: string; counts: { near: number; reached: number } | undefined }) {
  const { packageId, counts } = props;
  const paths = usePaths();
  if (counts === undefined || counts.near === 0) return '—';
  const view = new URLSearchParams({ package: packageId, limit: 'near', order: 'use_desc' });
  return (
    <>
      <Anchor
        component={Link}
        to={`${paths.users}?${view}`}
        aria-label={`${formatCount(counts.near, 'user')} near or over a limit`}
      >
        {formatNumber(counts.near)}
      </Anchor>
      {counts.reached > 0 && (
        <Text size="xs" c="var(--gone)">
          {formatNumber(counts.reached)} blocked
        </Text>
      )}
    </>
  );
}
