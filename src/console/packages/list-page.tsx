import { Anchor, Badge, Group, Table, Tabs } from '@mantine/core';
import { Link, useSearchParams } from 'react-router';
import { useAhead, useAnswer, useRest } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { PackageDocument, PackagesDocument, type PackagesQuery } from '../generated/operations.ts';
import { detailPages } from '../pages.ts';
import { ActionLink } from '../parts/action-button.tsx';
import { Answer, Empty } from '../parts/answer.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { PageHead } from '../parts/page-head.tsx';
import { DataTable } from '../parts/table.tsx';
import { StatusBadge } from './status-badge.tsx';

const columns = [
  { label: 'Name and id' },
  { label: 'Status' },
  { label: 'Features', numeric: true, wide: true },
  { label: 'Subscribers', numeric: true },
  { label: 'Add-ons', numeric: true, wide: true },
];

const tabs = [
  { value: 'all', label: 'All' },
  { value: 'draft', label: 'Draft' },
  { value: 'published', label: 'Published' },
  { value: 'archived', label: 'Archived' },
];

export function Page() {
  const paths = usePaths();
  const answer = useAnswer(PackagesDocument, {});
  const create = <ActionLink to={paths.newPackage}>New package</ActionLink>;
  return (
    <>
      <PageHead title="Packages">{create}</PageHead>
      <Answer of={answer}>
        {({ packages }) =>
          packages.length === 0 ? (
            <Empty title="No packages yet" action={create}>
              A package is what customers buy: a plan, or an add-on to plans. It says how much of each feature
              they get. You make it as a draft, and publish it when it is right.
            </Empty>
          ) : (
            <ByStatus packages={packages} />
          )
        }
      </Answer>
    </>
  );
}

function ByStatus({ packages }: { packages: PackagesQuery['packages'] }) {
  const [params, setParams] = useSearchParams();
  const status = tabs.find(({ value }) => value === params.get('status'))?.value ?? 'all';
  const shown = (value: string) =>
    packages.filter((each) => value === 'all' || each.status === value.toUpperCase());
  return (
    <Tabs
      value={status}
      onChange={(value) =>
        setParams(value === 'all' || value === null ? {} : { status: value }, { replace: true })
      }
    >
      <Tabs.List mb="md">
        {tabs.map(({ value, label }) => (
          <Tabs.Tab key={value} value={value}>
            {label} ({formatNumber(shown(value).length)})
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {tabs.map(({ value, label }) => (
        <Tabs.Panel key={value} value={value}>
          {value === status && <List packages={shown(value)} status={label} />}
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}

function List({ packages, status }: { packages: PackagesQuery['packages']; status: string }) {
  const paths = usePaths();
  const ahead = useAhead();
  const rest = useRest();
  if (packages.length === 0)
    return <Empty title={`No ${status.toLowerCase()} packages`}>Look under another tab.</Empty>;
  return (
    <div className="framed">
      <DataTable label="Packages" columns={columns}>
        {packages.map((each) => (
          <Table.Tr key={each.id}>
            <Table.Td>
              <Group gap="xs" style={{ rowGap: 2 }}>
                <Anchor
                  component={Link}
                  to={paths.package(each.id)}
                  fw={500}
                  {...rest(() => {
                    detailPages.package().catch(() => undefined);
                    ahead(PackageDocument, { id: each.id, version: null });
                  })}
                >
                  {each.name}
                </Anchor>
                {each.isAddon && <Badge variant="default">Add-on</Badge>}
              </Group>
              <Copyable text={each.id} />
            </Table.Td>
            <Table.Td>
              <StatusBadge status={each.status} />
            </Table.Td>
            <Table.Td ta="right">{formatNumber(each.features.length)}</Table.Td>
            <Table.Td ta="right">{formatNumber(each.subscriberCount)}</Table.Td>
            <Table.Td ta="right">{each.isAddon ? '—' : formatNumber(each.addons.length)}</Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
    </div>
  );
}
