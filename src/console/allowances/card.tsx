import { Anchor, Group, Progress, Stack, Tabs, Text } from '@mantine/core';
import { IconCircleCheck, IconCircleX } from '@tabler/icons-react';
import { lazy, Suspense } from 'react';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';
import type { UserQuery } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber, formatShare } from '../parts/numbers.ts';
import { OpenButton } from '../parts/opener.tsx';
import { UsageOverTime } from '../usage/usage-over-time.tsx';
import { Alerts } from './alerts.tsx';
import { FeatureRow } from './feature-row.tsx';
import type { GivenTab } from './given-tabs.ts';
import { Period } from './period.tsx';
import { exact, heldOf } from './present.ts';
import { Resets } from './resets.tsx';

const Why = lazy(() => import('../users/why.tsx').then(({ Why }) => ({ default: Why })));
const History = lazy(() => import('./history.tsx').then(({ History }) => ({ default: History })));
const GiveMore = lazy(() => import('./give-more.tsx').then(({ GiveMore }) => ({ default: GiveMore })));

type Entitlement = UserQuery['entitlements'][number];
type Consumption = NonNullable<Entitlement['consumption']>;

/** What the user may use, how much of it is left, and ways to give more. */
export function Allowances(props: {
  userId: string;
  entitlements: readonly Entitlement[];
  /** Gets the list that has what was given. */
  onGiven: (tab: GivenTab) => void;
}) {
  const { userId, entitlements, onGiven } = props;
  const give = (
    <OpenButton
      label="Give a feature"
      button={{ variant: 'default', size: 'xs' }}
      dialog={(given) => <GiveMore {...given} userId={userId} onGiven={onGiven} />}
    />
  );
  return (
    <Card title="Allowances" isMain action={give}>
      {entitlements.length === 0 ? (
        <Text c="dimmed">
          None: the user has no active subscription. Subscribe the user to a package below, or give one
          feature.
        </Text>
      ) : (
        <Stack gap="lg">
          {entitlements.map((each) => (
            <Row key={each.feature.id} userId={userId} entitlement={each} onGiven={onGiven} />
          ))}
        </Stack>
      )}
    </Card>
  );
}

function Row(props: { userId: string; entitlement: Entitlement; onGiven: (tab: GivenTab) => void }) {
  const { userId, entitlement, onGiven } = props;
  const { feature, subscription, access, reason, consumption } = entitlement;
  const give = (
    <OpenButton
      label="Give more"
      about={feature.name}
      button={{ variant: 'subtle', size: 'compact-sm' }}
      dialog={(given) => (
        <GiveMore
          {...given}
          userId={userId}
          feature={feature}
          present={consumption && { ...consumption, source: subscription?.package.name ?? null }}
          onGiven={onGiven}
        />
      )}
    />
  );
  return (
    <FeatureRow
      feature={feature}
      before={<Access access={access} />}
      after={<Source entitlement={entitlement} />}
      action={consumption !== null && consumption.budget !== null && give}
      why={<Why userId={userId} featureId={feature.id} />}
      history={consumption && <Histories userId={userId} feature={feature} />}
    >
      {consumption && (
        <UsageBar {...consumption} label={feature.name} units={feature.unitLabelPlural ?? 'used'} />
      )}
      {consumption && consumption.budget !== null && <Period userId={userId} entitlement={entitlement} />}
      {!access && (
        <Text size="sm" c="var(--mantine-color-error)" mt={4}>
          {reason} {consumption && <Resets userId={userId} featureId={feature.id} />}
        </Text>
      )}
      {consumption && subscription && (
        <Alerts consumption={consumption} held={subscription.package} featureId={feature.id} />
      )}
    </FeatureRow>
  );
}

/** Which subscription or grant counts. */
function Source({ entitlement: { subscription, grant } }: { entitlement: Entitlement }) {
  const paths = usePaths();
  return (
    <Text size="sm" c="dimmed" component="div">
      {subscription !== null && (
        <>
          from{' '}
          <Anchor component={Link} to={paths.package(subscription.package.id)} fz="sm" underline="always">
            {subscription.package.name}
          </Anchor>
        </>
      )}
      {grant !== null &&
        (grant.endsAt === null ? (
          'from a grant'
        ) : (
          <>
            from a grant until <Moment at={grant.endsAt} />
          </>
        ))}
    </Text>
  );
}

/** What is left of the budget and of the top-ups, without what is held. */
function Left(consumption: Consumption) {
  const { remaining, topUp } = consumption;
  if (remaining === null) return null;
  const held = heldOf(consumption);
  return (
    <Text size="sm">
      <Text span fw={600}>
        {formatNumber(remaining)} left
      </Text>
      {topUp !== null && `, ${formatNumber(topUp.remaining)} from top-ups`}
      {held > 0 && `; ${formatNumber(held)} held by reservations`}
    </Text>
  );
}

/** Past usage: by period, and over time. */
function Histories({ userId, feature }: { userId: string; feature: Entitlement['feature'] }) {
  return (
    <Tabs defaultValue="periods" mt="sm" keepMounted={false}>
      <Tabs.List>
        <Tabs.Tab value="periods">By period</Tabs.Tab>
        <Tabs.Tab value="time">Over time</Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="periods">
        <Suspense fallback={<Text size="sm">Loading …</Text>}>
          <History userId={userId} featureId={feature.id} />
        </Suspense>
      </Tabs.Panel>
      <Tabs.Panel value="time" pt="sm">
        <UsageOverTime featureId={feature.id} userId={userId} units={feature.unitLabelPlural} />
      </Tabs.Panel>
    </Tabs>
  );
}

const Access = ({ access }: { access: boolean }) =>
  access ? (
    <IconCircleCheck size={18} aria-label="Access" role="img" color="var(--mantine-color-anchor)" />
  ) : (
    <IconCircleX size={18} aria-label="No access" role="img" color="var(--mantine-color-error)" />
  );

/** A bar of usage against the budget, with the same in words, and what is left. */
function UsageBar(props: Consumption & { label: string; units: string }) {
  const { used, budget, overageEnabled, topUp, label, units } = props;
  if (budget === null)
    return (
      <Text size="sm">
        {formatNumber(used)} {units}, unlimited
      </Text>
    );
  const share = budget === 0 ? 1 : used / budget;
  const isToppedUp = used > budget && topUp !== null && topUp.remaining > 0;
  // Top-ups are left, so the user is not blocked.
  const over = used > budget && !isToppedUp;
  const isUsedUp = used >= budget && !overageEnabled && !(topUp !== null && topUp.remaining > 0);
  const words = isToppedUp
    ? `${formatNumber(used)} ${units}: the limit of ${formatNumber(budget)}, and ${formatNumber(exact(used - budget))} beyond it; top-ups gave ${formatNumber(topUp.granted)}`
    : `${formatNumber(used)} of ${formatNumber(budget)} ${units} (${formatShare(share)})`;
  return (
    <Stack gap={4}>
      <Progress.Root size="md">
        <Progress.Section
          value={Math.min(100, share * 100)}
          color={over || isUsedUp ? 'var(--gone)' : 'var(--mantine-color-anchor)'}
          className={over ? 'over' : undefined}
          withAria={false}
          role="progressbar"
          aria-label={label}
          aria-valuemin={0}
          aria-valuemax={budget}
          aria-valuenow={Math.min(used, budget)}
          aria-valuetext={words}
        />
      </Progress.Root>
      <Group justify="space-between" gap="xs">
        <Text size="sm">
          {words}
          {overageEnabled ? ', more allowed' : ''}
        </Text>
        <Left {...props} />
      </Group>
    </Stack>
  );
}
