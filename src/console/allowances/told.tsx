import { Table, Text } from '@mantine/core';
import { useAnswer } from '../api/hooks.ts';
import { UsageAlertsDocument } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';

const columns = [{ label: 'Feature' }, { label: 'Reached' }, { label: 'Told' }];

/** The reached thresholds for which webhooks got an event, and when. Hidden if there are none. */
export function Told({ userId }: { userId: string }) {
  const alerts = useAnswer(UsageAlertsDocument, { userId }).data?.usageAlerts ?? [];
  if (alerts.length === 0) return null;
  return (
    <Card title="Thresholds reached">
      <Text size="sm" c="dimmed">
        What webhooks were told about the usage of this user, the latest first.
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
