import { Text } from '@mantine/core';
import { useAnswer } from '../api/hooks.ts';
import { AlertsDocument, CurrentPeriodDocument, type UserQuery } from '../generated/operations.ts';
import { formatGrant } from '../packages/grant.ts';
import { Moment } from '../parts/moment.tsx';

type Entitlement = UserQuery['entitlements'][number];

/** How often the limit that counts resets, and when next. */
export function Period({ userId, entitlement }: { userId: string; entitlement: Entitlement }) {
  const { feature, subscription, grant, consumption } = entitlement;
  const held = subscription?.package;
  const terms = useAnswer(
    AlertsDocument,
    { packageId: held?.id ?? '', version: held?.version ?? 1 },
    { enabled: held !== undefined },
  ).data?.package.features.find(({ id }) => id === feature.id);
  const { resetPeriod, resetEvery, timeZone } = grant === null ? (terms ?? {}) : { ...grant, timeZone: null };
  const resets = resetPeriod !== undefined && resetPeriod !== null;
  const variables = { userId, featureId: feature.id };
  const current = useAnswer(CurrentPeriodDocument, variables, { enabled: resets }).data?.showUsage.current;
  if (resetPeriod === undefined || resetEvery === undefined || timeZone === undefined) return null;
  const limit = formatGrant({
    type: feature.type,
    limit: consumption?.budget ?? null,
    overageEnabled: false,
    resetPeriod,
    resetEvery,
    timeZone,
  });
  return (
    <Text size="sm" c="dimmed" component="div">
      {limit}
      {current?.periodEnd == null ? (
        resetPeriod === null && ', never resets'
      ) : (
        <>
          , resets on <Moment at={current.periodEnd} />
        </>
      )}
    </Text>
  );
}
