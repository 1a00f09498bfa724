import { Badge, Stack, Text } from '@mantine/core';
import { FeatureRow } from '../allowances/feature-row.tsx';
import { useAnswer } from '../api/hooks.ts';
import { UsageOfUserDocument, type UsageOfUserQuery } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { UsageOverTime } from '../usage/usage-over-time.tsx';

type Usage = UsageOfUserQuery['usageByFeature'][number];

/** Usage of features that no live subscription contains. Hidden when there is none. */
export function Ungranted(props: { userId: string; grantedIds: readonly string[] }) {
  const { userId, grantedIds } = props;
  const answer = useAnswer(UsageOfUserDocument, { userId });
  return (
    <Answer of={answer}>
      {({ usageByFeature }) => {
        const others = usageByFeature.filter(({ feature }) => !grantedIds.includes(feature.id));
        return others.length === 0 ? null : (
          <Card title="Usage without an entitlement">
            <Text size="sm" c="dimmed">
              Usage is recorded whatever the user is subscribed to, because it has already happened. What a
              subscription grants is counted from its beginning: this usage does not count towards it.
            </Text>
            <Stack gap="lg">
              {others.map((each) => (
                <Row key={each.feature.id} userId={userId} usage={each} />
              ))}
            </Stack>
          </Card>
        );
      }}
    </Answer>
  );
}

function Row({ userId, usage: { feature, used } }: { userId: string; usage: Usage }) {
  const history = <UsageOverTime featureId={feature.id} userId={userId} units={feature.unitLabelPlural} />;
  const badge = <Badge variant="default">Not in any active subscription</Badge>;
  return (
    <FeatureRow feature={feature} after={badge} history={history}>
      <Text size="sm">
        {formatNumber(used)} {feature.unitLabelPlural ?? 'used'} in the last 12 months
      </Text>
    </FeatureRow>
  );
}
