import { Anchor, Progress, Stack, Tabs, Text } from '@mantine/core';
import { IconCircleCheck, IconCircleX } from '@tabler/icons-react';
import { lazy, Suspense } from 'react';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';
import type { UserQuery } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { formatNumber, formatShare } from '../parts/numbers.ts';
import { UsageOverTime } from '../usage/usage-over-time.tsx';
import { FeatureRow } from './feature-row.tsx';
import { Resets } from './resets.tsx';

const History = lazy(() => import('./history.tsx').then(({ History }) => ({ default: History })));

type Entitlement = UserQuery['entitlements'][number];

/** The user's entitlements, with usage and budget. */
export function Entitlements(props: { userId: string; entitlements: readonly Entitlement[] }) {
  const { userId, entitlements } = props;
  return (
    <Card title="Entitlements">
      {entitlements.length === 0 ? (
        <Text c="dimmed">
          None: the user has no active subscription. Subscribe the user to a package below.
        </Text>
      ) : (
        <Stack gap="lg">
          {entitlements.map((each) => (
            <Row key={each.feature.id} userId={userId} entitlement={each} />
          ))}
        </Stack>
      )}
    </Card>
  );
}

function Row({ userId, entitlement }: { userId: string; entitlement: Entitlement }) {
  const { feature, subscription, access, reason, consumption } = entitlement;
  const paths = usePaths();
  const source = (
    <Text size="sm" c="dimmed">
      {subscription === null ? (
        'from a grant'
      ) : (
        <>
          from{' '}
          <Anchor component={Link} to={paths.package(subscription.package.id)} fz="sm" underline="always">
            {subscription.package.name}
          </Anchor>
        </>
      )}
    </Text>
  );
  return (
    <FeatureRow
      feature={feature}
      before={<Access access={access} />}
      after={source}
      history={consumption && <Histories userId={userId} feature={feature} />}
    >
      {consumption && (
        <UsageBar {...consumption} label={feature.name} units={feature.unitLabelPlural ?? 'used'} />
      )}
      {!access && (
        <Text size="sm" c="var(--mantine-color-error)" mt={4}>
          {reason} {consumption && <Resets userId={userId} featureId={feature.id} />}
        </Text>
      )}
    </FeatureRow>
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
    <IconCircleCheck size={18} aria-label="Access" role="img" color="var(--mantine-primary-color-filled)" />
  ) : (
    <IconCircleX size={18} aria-label="No access" role="img" color="var(--mantine-color-error)" />
  );

/** A bar of usage against the budget, with the same in words. */
function UsageBar(props: {
  used: number;
  budget: number | null;
  overageEnabled: boolean;
  label: string;
  units: string;
}) {
  const { used, budget, overageEnabled, label, units } = props;
  if (budget === null)
    return (
      <Text size="sm">
        {formatNumber(used)} {units}, unlimited
      </Text>
    );
  const share = budget === 0 ? 1 : used / budget;
  const over = used > budget;
  const words = `${formatNumber(used)} of ${formatNumber(budget)} ${units} (${formatShare(share)})`;
  return (
    <Stack gap={4}>
      <Progress.Root size="lg">
        <Progress.Section
          value={Math.min(100, share * 100)}
          color={over ? 'red.9' : undefined}
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
      <Text size="sm">
        {words}
        {overageEnabled ? ', more allowed' : ''}
      </Text>
    </Stack>
  );
}
