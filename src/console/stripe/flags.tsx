import { Anchor, Table, Text } from '@mantine/core';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';
import type { StripeQuery } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Moment } from '../parts/moment.tsx';
import { DataTable } from '../parts/table.tsx';

type Flag = StripeQuery['billingFlags'][number];

const columns = [{ label: 'What' }, { label: 'Customer at Stripe' }, { label: 'User' }, { label: 'Since' }];

/** What a person has to look at. */
export function Flags({ flags }: { flags: readonly Flag[] }) {
  const paths = usePaths();
  return (
    <Card title="Flags">
      {flags.length === 0 ? (
        <Text c="dimmed">Nothing needs you.</Text>
      ) : (
        <DataTable label="Flags" columns={columns} minWidth={720}>
          {flags.map((flag) => (
            <Table.Tr key={`${flag.customerId} ${flag.kind} ${flag.providerId}`}>
              <Table.Td>{flag.message}</Table.Td>
              <Table.Td>
                <Copyable text={flag.customerId} />
              </Table.Td>
              <Table.Td>
                {flag.user === null ? (
                  '–'
                ) : (
                  <Anchor component={Link} to={paths.user(flag.user.id)}>
                    {flag.user.id}
                  </Anchor>
                )}
              </Table.Td>
              <Table.Td>
                <Moment at={flag.since} />
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
    </Card>
  );
}
