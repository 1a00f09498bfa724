import { Text } from '@mantine/core';
import { useAnswer } from '../api/hooks.ts';
import { AlertsDocument } from '../generated/operations.ts';
import { describeAlerts } from './present.ts';

/** At which parts of the limit webhooks get an event. Hidden without any. */
export function Alerts(props: {
  consumption: { used: number; budget: number | null };
  held: { id: string; version: number };
  featureId: string;
}) {
  const { consumption, held, featureId } = props;
  const answer = useAnswer(AlertsDocument, { packageId: held.id, version: held.version });
  const alertAt = answer.data?.package.features.find(({ id }) => id === featureId)?.alertAt ?? [];
  const words = describeAlerts(alertAt, consumption);
  return words === null ? null : (
    <Text size="sm" c="dimmed">
      {words}
    </Text>
  );
}
