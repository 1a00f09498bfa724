import { Anchor, Text } from '@mantine/core';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { AlertsDocument, ListenersDocument } from '../generated/operations.ts';
import { describeAlerts, hearsThresholds } from './present.ts';

/** At which parts of the limit webhooks get an event, or that none wants it. Hidden without any. */
export function Alerts(props: {
  consumption: { used: number; budget: number | null };
  held: { id: string; version: number };
  featureId: string;
}) {
  const { consumption, held, featureId } = props;
  const paths = usePaths();
  const answer = useAnswer(AlertsDocument, { packageId: held.id, version: held.version });
  const alertAt = answer.data?.package.features.find(({ id }) => id === featureId)?.alertAt ?? [];
  const { data } = useAnswer(ListenersDocument, {}, { enabled: alertAt.length > 0 });
  const isHeard = data === undefined || hearsThresholds(data.webhooks);
  const words = describeAlerts(alertAt, consumption, isHeard);
  return words === null ? null : (
    <Text size="sm" c="dimmed">
      {words}{' '}
      {!isHeard && (
        <Anchor component={Link} to={paths.webhooks} fz="sm" underline="always">
          Create a webhook
        </Anchor>
      )}
    </Text>
  );
}
