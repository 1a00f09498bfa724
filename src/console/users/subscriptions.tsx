import { Anchor, Group, Select, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { useAnswer, useChange } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import {
  CancelSubscriptionDocument,
  ChangePackageDocument,
  ChoicesDocument,
  SubscribeDocument,
  type SubscriptionStatus,
  type UserQuery,
} from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import { DataTable } from '../parts/table.tsx';
import { SubscriptionBadge } from './subscription-badge.tsx';

type Subscription = NonNullable<UserQuery['subscriptions']>[number];

const columns = [
  { label: 'Package' },
  { label: 'Id' },
  { label: 'Status' },
  { label: 'Since' },
  { label: 'Until' },
  { label: 'Actions', hidden: true },
];

const over: readonly SubscriptionStatus[] = ['CANCELLED', 'INCOMPLETE_EXPIRED'];
const isHeld = ({ status }: Subscription) => !over.includes(status);

export function Subscriptions(props: { userId: string; subscriptions: readonly Subscription[] }) {
  const { userId, subscriptions } = props;
  const paths = usePaths();
  const held = subscriptions.filter(isHeld);
  const base = held.find((each) => !each.package.isAddon);
  return (
    <Card title="Subscriptions" action={<Subscribe userId={userId} held={held} base={base} />}>
      {subscriptions.length === 0 ? (
        <Text c="dimmed">None yet. Choose a published package with “Subscribe”.</Text>
      ) : (
        <DataTable label="Subscriptions" columns={columns}>
          {subscriptions.map((each) => (
            <Table.Tr key={each.id}>
              <Table.Td>
                <Anchor component={Link} to={paths.package(each.package.id)}>
                  {each.package.name}
                </Anchor>
              </Table.Td>
              <Table.Td>
                <Copyable text={each.id} />
              </Table.Td>
              <Table.Td>
                <SubscriptionBadge status={each.status} />
              </Table.Td>
              <Table.Td>
                <Moment at={each.startedAt} />
              </Table.Td>
              <Table.Td>{each.endedAt === null ? '—' : <Moment at={each.endedAt} />}</Table.Td>
              <Table.Td>
                {isHeld(each) && (
                  <Group gap={4} justify="end" wrap="nowrap">
                    {!each.package.isAddon && <Change userId={userId} subscription={each} held={held} />}
                    <Cancel subscription={each} held={held} />
                  </Group>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
    </Card>
  );
}

function Subscribe(props: { userId: string; held: readonly Subscription[]; base: Subscription | undefined }) {
  const { userId, held, base } = props;
  const hasBase = base !== undefined;
  const paths = usePaths();
  const choices = useAnswer(ChoicesDocument, {});
  const [packageId, setPackageId] = useState<string | null>(null);
  const subscribe = useChange(SubscribeDocument);
  // A user without a base package must get one before an add-on.
  const open = (choices.data?.packages ?? []).filter(
    (each) =>
      each.isAddon === hasBase &&
      !held.some(({ package: { id } }) => id === each.id) &&
      (base === undefined || isOpenTo(each, base.package.id)),
  );
  return (
    <DialogButton
      label={hasBase ? 'Add an add-on' : 'Subscribe'}
      title={hasBase ? 'Add an add-on' : 'Subscribe to a package'}
      submit="Subscribe"
      change={subscribe}
      blocked={packageId === null}
      button={{ variant: 'default', size: 'xs' }}
      onOpen={() => setPackageId(null)}
      onSubmit={() => subscribe.mutateAsync({ userId, packageIds: packageId === null ? [] : [packageId] })}
    >
      {open.length === 0 ? (
        <Text>
          There is no {hasBase ? 'add-on that is open to this package' : 'published base package'}. Publish
          one under{' '}
          <Anchor component={Link} to={paths.packages} underline="always">
            Packages
          </Anchor>
          .
        </Text>
      ) : (
        <Select
          label={hasBase ? 'Add-on' : 'Package'}
          placeholder="Choose one"
          data={open.map(({ id, name }) => ({ value: id, label: name }))}
          value={packageId}
          onChange={setPackageId}
          searchable
          required
          data-autofocus
        />
      )}
      <Text size="sm" c="dimmed">
        It begins now, and its periods are counted from now on.
      </Text>
    </DialogButton>
  );
}

/** Whether the add-on is open to this base package. */
const isOpenTo = ({ basePackages }: { basePackages: readonly { id: string }[] }, baseId: string) =>
  basePackages.length === 0 || basePackages.some(({ id }) => id === baseId);

const namesOf = (subscriptions: readonly Subscription[]) =>
  subscriptions.map(({ package: { name } }) => name).join(', ');

function Change(props: { userId: string; subscription: Subscription; held: readonly Subscription[] }) {
  const { userId, subscription, held } = props;
  const choices = useAnswer(ChoicesDocument, {});
  const [packageId, setPackageId] = useState<string | null>(null);
  const change = useChange(ChangePackageDocument);
  const bases = (choices.data?.packages ?? []).filter(
    ({ id, isAddon }) => !isAddon && id !== subscription.package.id,
  );
  const lost = held.filter(({ package: { id, isAddon } }) => {
    const addon = choices.data?.packages.find((each) => each.id === id);
    return isAddon && packageId !== null && addon !== undefined && !isOpenTo(addon, packageId);
  });
  return (
    <DialogButton
      label="Change"
      title="Change the base package"
      submit="Change"
      change={change}
      blocked={packageId === null}
      button={{ variant: 'subtle', size: 'compact-sm' }}
      onOpen={() => setPackageId(null)}
      onSubmit={() => change.mutateAsync({ userId, packageId: packageId ?? '' })}
    >
      <Select
        label="New base package"
        placeholder="Choose one"
        data={bases.map(({ id, name }) => ({ value: id, label: name }))}
        value={packageId}
        onChange={setPackageId}
        searchable
        required
        data-autofocus
      />
      <Text size="sm" c="dimmed">
        {subscription.package.name} ends now, and the new one begins with nothing used.
      </Text>
      {lost.length > 0 && (
        <Text size="sm" fw={600}>
          Not open to the new one, and cancelled with it: {namesOf(lost)}.
        </Text>
      )}
    </DialogButton>
  );
}

function Cancel({ subscription, held }: { subscription: Subscription; held: readonly Subscription[] }) {
  const cancel = useChange(CancelSubscriptionDocument);
  const { name, isAddon } = subscription.package;
  const addons = isAddon ? [] : held.filter((each) => each.package.isAddon);
  return (
    <DialogButton
      label="Cancel"
      title={`Cancel ${name}?`}
      submit="Cancel the subscription"
      keep="Keep it"
      change={cancel}
      danger
      button={{ variant: 'subtle', color: 'gray', size: 'compact-sm' }}
      onSubmit={() => cancel.mutateAsync({ id: subscription.id })}
    >
      <Text>
        It ends now: what it granted is gone at once.
        {addons.length > 0 && ` With it go the user's add-ons: ${namesOf(addons)}.`}
      </Text>
    </DialogButton>
  );
}
