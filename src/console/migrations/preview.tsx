import { Alert, Anchor, Stack, Table, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';
import type { CarriedUsage, PreviewMigrationQuery } from '../generated/operations.ts';
import { Figure, Figures } from '../parts/figure.tsx';
import { readable } from '../parts/messages.ts';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';

type Previewed = PreviewMigrationQuery['previewMigration'];

/** What a migration would do now: it is decided by the same rules. */
export function Preview({ preview, usage }: { preview: Previewed; usage: CarriedUsage | null | undefined }) {
  const { moving, skipped, overLimit, endingAddons, overLimitUsers, skippedUsers } = preview;
  const ending = endingAddons.reduce((sum, { count }) => sum + count, 0);
  return (
    <Stack>
      <Figures>
        <Figure label="Users who move">{formatNumber(moving)}</Figure>
        <Figure label="Over the new limit">{formatNumber(overLimit)}</Figure>
        <Figure label="Add-ons that end">{formatNumber(ending)}</Figure>
        <Figure label="Skipped">{formatNumber(skipped)}</Figure>
      </Figures>
      {endingAddons.length > 0 && (
        <Alert color="yellow">
          Not available with the new package, and ended with the old one:{' '}
          {endingAddons
            .map((each) => `${each.package.name} (${formatCount(each.count, 'subscription')})`)
            .join(', ')}
          .
        </Alert>
      )}
      {overLimitUsers.length > 0 && (
        <Shown title="Over the new limit" count={overLimit}>
          <DataTable
            label="Users over the new limit"
            columns={[
              { label: 'User' },
              { label: 'Feature' },
              { label: 'Used', numeric: true },
              { label: 'New limit', numeric: true },
              { label: 'Access' },
            ]}
          >
            {overLimitUsers.map(({ userId, featureId, used, limit, overageEnabled }) => (
              <Table.Tr key={`${userId} ${featureId}`}>
                <Table.Td>
                  <UserLink id={userId} />
                </Table.Td>
                <Table.Td>{featureId}</Table.Td>
                <Table.Td ta="right">{formatNumber(used)}</Table.Td>
                <Table.Td ta="right">{formatNumber(limit)}</Table.Td>
                <Table.Td>{overageEnabled ? 'Goes on, with overage' : 'None until the next period'}</Table.Td>
              </Table.Tr>
            ))}
          </DataTable>
        </Shown>
      )}
      {skippedUsers.length > 0 && (
        <Shown title="Skipped" count={skipped}>
          <DataTable label="Skipped users" columns={[{ label: 'User' }, { label: 'Why' }]}>
            {skippedUsers.map(({ userId, reason }) => (
              <Table.Tr key={userId}>
                <Table.Td>
                  <UserLink id={userId} />
                </Table.Td>
                <Table.Td>{readable(reason)}</Table.Td>
              </Table.Tr>
            ))}
          </DataTable>
        </Shown>
      )}
      {usage === 'RESET' && moving > 0 && (
        <Text size="sm" c="dimmed">
          Everybody who moves begins with nothing used.
        </Text>
      )}
    </Stack>
  );
}

const listed = 100;

function Shown({ title, count, children }: { title: string; count: number; children: ReactNode }) {
  return (
    <div>
      <Text size="sm" fw={600}>
        {title}
        {count > listed ? `: the first ${listed} of ${formatCount(count, 'user')}` : ''}
      </Text>
      {children}
    </div>
  );
}

/** A user, by id. */
export function UserLink({ id }: { id: string }) {
  const paths = usePaths();
  return (
    <Anchor component={Link} to={paths.user(id)}>
      {id}
    </Anchor>
  );
}
