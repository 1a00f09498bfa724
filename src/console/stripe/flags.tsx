import { Anchor, Stack, Table, Text } from '@mantine/core';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { type BillingFlagFragment, UserBillingFlagsDocument } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Moment } from '../parts/moment.tsx';
import { Pager, type Pages } from '../parts/pager.tsx';
import { DataTable } from '../parts/table.tsx';

const pageSize = 50;

const columns = [
  { label: 'What' },
  { label: 'At Stripe', wide: true },
  { label: 'User' },
  { label: 'Since', wide: true },
];

/** What a person has to look at. */
export function Flags({ flags, pages }: { flags: readonly BillingFlagFragment[]; pages: Pages }) {
  const paths = usePaths();
  const customers = new Set(flags.map(({ customerId }) => customerId));
  return (
    <Card title="Flags">
      {flags.length === 0 ? (
        <Text c="dimmed">Nothing needs you.</Text>
      ) : (
        <DataTable label="Flags" columns={columns}>
          {flags.map((flag) => (
            <Table.Tr key={keyOf(flag)}>
              <Table.Td>{flag.message}</Table.Td>
              <Table.Td>
                <Subject flag={flag} />
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
      <Pager pages={pages} full={customers.size === pageSize} last={flags.at(-1)?.customerId} />
    </Card>
  );
}

const keyOf = ({ customerId, kind, providerId }: BillingFlagFragment) =>
  `${customerId} ${kind} ${providerId}`;

/** The customer, and the subscription or payment that it is about. */
const Subject = ({ flag: { customerId, providerId } }: { flag: BillingFlagFragment }) => (
  <Stack gap={0} align="start">
    <Copyable text={customerId} />
    {providerId !== null && <Copyable text={providerId} />}
  </Stack>
);

/** What of a user a person has to look at at Stripe, and what to do. Hidden if there is nothing. */
export function UserBillingFlags({ userId }: { userId: string }) {
  const paths = usePaths();
  const flags = useAnswer(UserBillingFlagsDocument, { userId }).data?.billingFlags ?? [];
  if (flags.length === 0) return null;
  return (
    <Card
      title="What is paid at Stripe needs a look"
      action={
        <Anchor component={Link} to={paths.stripe} size="sm">
          All flags
        </Anchor>
      }
    >
      <Stack gap="sm">
        {flags.map((flag) => (
          <div key={keyOf(flag)}>
            <Text>{flag.message}</Text>
            <Subject flag={flag} />
          </div>
        ))}
      </Stack>
    </Card>
  );
}
