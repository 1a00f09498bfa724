import { Button, Code, Table, Text } from '@mantine/core';
import { useAnswer, useChange } from '../api/hooks.ts';
import { RedeliverDocument, WebhookDeliveriesDocument } from '../generated/operations.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Moment } from '../parts/moment.tsx';
import { DataTable } from '../parts/table.tsx';

const columns = [
  { label: 'Message' },
  { label: 'When' },
  { label: 'State' },
  { label: 'Answer' },
  { label: 'Actions', hidden: true },
];

/** How often the deliveries are read again, in milliseconds. */
const refreshMs = 2_000;

/** The latest messages to a webhook, each with its request and the last answer. */
export function Deliveries({ webhookId }: { webhookId: string }) {
  const deliveries = useAnswer(WebhookDeliveriesDocument, { id: webhookId }, { every: refreshMs });
  const redeliver = useChange(RedeliverDocument);
  return (
    <>
      <Failure error={redeliver.error} />
      <Answer of={deliveries}>
        {({ webhookDeliveries }) => (
          <DataTable label="Deliveries" columns={columns}>
            {webhookDeliveries.map((each) => (
              <Table.Tr key={each.id}>
                <Table.Td>
                  <details>
                    <summary>{each.type}</summary>
                    <Code block>{JSON.stringify(each.payload, null, 2)}</Code>
                  </details>
                </Table.Td>
                <Table.Td>
                  <Moment at={each.createdAt} />
                </Table.Td>
                <Table.Td>{`${each.state.toLowerCase()}, sent ${each.attempts} times`}</Table.Td>
                <Table.Td>
                  <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
                    {each.problem ?? [each.responseStatus, each.responseBody].filter(Boolean).join(' ')}
                  </Text>
                </Table.Td>
                <Table.Td>
                  <Button
                    variant="subtle"
                    color="gray"
                    size="xs"
                    aria-label={`Send again: ${each.type}`}
                    onClick={() => redeliver.mutate({ id: each.id })}
                  >
                    Send again
                  </Button>
                </Table.Td>
              </Table.Tr>
            ))}
          </DataTable>
        )}
      </Answer>
    </>
  );
}
