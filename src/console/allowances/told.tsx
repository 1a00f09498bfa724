import { Anchor, Table, Text } from '@mantine/core';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { UsageAlertsDocument } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';

const columns = [{ label: 'Feature' }, { label: 'Threshold' }, { label: 'Reached' }];

/** The reached thresholds for which an event was written, and when. Hidden if there are none. */
export function Told({ userId }: { userId: string }) {
  const paths = usePaths();
  const alerts = useAnswer(UsageAlertsDocument, { userId }).data?.usageAlerts ?? [];
  if (alerts.length === 0) return null;
  return (
    <Card title="Thresholds reached">
      <Text size="sm" c="dimmed">
        For each, an event was written for the webhooks that want it. Whether it arrived stands in the{' '}
        <Anchor component={Link} to={paths.webhooks} underline="always">
          deliveries of each webhook
        </Anchor>
        .
      </Text>
      <DataTable label="Thresholds reached" columns={columns} minWidth={300}>
        {alerts.map(({ feature, threshold, thresholdAmount, reachedAt }) => (
          <Table.Tr key={`${feature.id} ${threshold} ${thresholdAmount} ${reachedAt}`}>
            <Table.Td>{feature.name}</Table.Td>
            <Table.Td>
              {threshold === null
                ? `${formatNumber(thresholdAmount ?? 0)} ${feature.unitLabelPlural ?? 'used'}`
                : `${threshold}% of the limit`}
            </Table.Td>
            <Table.Td>
              <Moment at={reachedAt} />
            </Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
    </Card>
  );
}
