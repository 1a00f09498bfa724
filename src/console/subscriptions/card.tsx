import { Anchor, Group, Stack, Table, Text } from '@mantine/core';
import { lazy } from 'react';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Moment } from '../parts/moment.tsx';
import { OpenButton } from '../parts/opener.tsx';
import { DataTable } from '../parts/table.tsx';
import { SubscriptionBadge } from './badge.tsx';
import { baseOf, isHeld, type Subscription } from './held.ts';
import { Provider } from './provider.tsx';
import { fateOf } from './succession.ts';
import { Until } from './until.tsx';

const Subscribe = lazy(() => import('./subscribe.tsx').then(({ Subscribe }) => ({ default: Subscribe })));
const Change = lazy(() => import('./change.tsx').then(({ Change }) => ({ default: Change })));
const Cancel = lazy(() => import('./cancel.tsx').then(({ Cancel }) => ({ default: Cancel })));
const Resume = lazy(() => import('./cancel.tsx').then(({ Resume }) => ({ default: Resume })));

const columns = [
  { label: 'Package' },
  { label: 'Id', wide: true },
  { label: 'Status' },
  { label: 'Since', wide: true },
  { label: 'Until' },
  { label: 'Actions', hidden: true },
];

/** The subscriptions of a user, past ones too. */
export function Subscriptions(props: { userId: string; subscriptions: readonly Subscription[] }) {
  const { userId, subscriptions } = props;
  const held = subscriptions.filter(isHeld);
  const base = baseOf(held);
  const subscribe = (
    <OpenButton
      label={base === undefined ? 'Subscribe' : 'Add an add-on'}
      button={{ variant: 'default', size: 'xs' }}
      dialog={(given) => <Subscribe {...given} userId={userId} held={held} base={base} />}
    />
  );
  return (
    <Card title="Subscriptions" action={subscribe}>
      {subscriptions.length === 0 ? (
        <Text c="dimmed">None yet. Choose a published package with “Subscribe”.</Text>
      ) : (
        <DataTable label="Subscriptions" columns={columns}>
          {subscriptions.map((each) => (
            <Row
              key={each.id}
              userId={userId}
              subscription={each}
              fate={fateOf(each, subscriptions)}
              held={held}
              base={base}
            />
          ))}
        </DataTable>
      )}
    </Card>
  );
}

interface RowProps {
  userId: string;
  subscription: Subscription;
  held: readonly Subscription[];
  base: Subscription | undefined;
}

function Row({ fate, ...props }: RowProps & { fate: string | null }) {
  const { subscription } = props;
  const { id, status, startedAt, trialEnd } = subscription;
  const paths = usePaths();
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor component={Link} to={paths.package(subscription.package.id)}>
          {subscription.package.name}
        </Anchor>
        <Text size="xs" c="dimmed" style={{ whiteSpace: 'nowrap' }}>
          Version {subscription.package.version}
        </Text>
      </Table.Td>
      <Table.Td>
        <Copyable text={id} />
      </Table.Td>
      <Table.Td>
        <Stack gap={2} align="start">
          <SubscriptionBadge status={status} fate={fate} />
          <Provider subscription={subscription} />
          {status === 'TRIALING' && trialEnd !== null && (
            <Text size="xs" c="dimmed" component="div">
              until <Moment at={trialEnd} />
            </Text>
          )}
        </Stack>
      </Table.Td>
      <Table.Td>
        <Moment at={startedAt} />
      </Table.Td>
      <Table.Td>
        <Until subscription={subscription} />
      </Table.Td>
      <Table.Td>{isHeld(subscription) && <Actions {...props} />}</Table.Td>
    </Table.Tr>
  );
}

function Actions({ userId, subscription, held, base }: RowProps) {
  const { cancelsAt, package: has } = subscription;
  return (
    <Group gap={4} justify="end" className="actions">
      {subscription === base && subscription.status !== 'SCHEDULED' && (
        <OpenButton
          label="Change"
          button={{ variant: 'subtle', size: 'compact-sm' }}
          dialog={(given) => <Change {...given} userId={userId} subscription={subscription} held={held} />}
        />
      )}
      {cancelsAt !== null && <Resume subscription={subscription} held={held} />}
      <OpenButton
        label="Cancel"
        about={has.name}
        button={{ variant: 'subtle', color: 'gray', size: 'compact-sm' }}
        dialog={(given) => <Cancel {...given} subscription={subscription} held={held} />}
      />
    </Group>
  );
}
