import { Anchor, Group, Stack, Table, Text } from '@mantine/core';
import { Link } from 'react-router';
import { useAnswer, useEnvironment } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { SubscribersDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { curlOf } from '../parts/calls.ts';
import { Card } from '../parts/card.tsx';
import { Copyable, CopyIcon } from '../parts/copyable.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatCount } from '../parts/numbers.ts';
import { Pager, usePages } from '../parts/pager.tsx';
import { useIsPhone } from '../parts/phone.ts';
import { DataTable } from '../parts/table.tsx';
import { SubscriptionBadge } from '../subscriptions/badge.tsx';
import { Provider } from '../subscriptions/provider.tsx';
import { Until } from '../subscriptions/until.tsx';
import type { Subject } from './package-page.tsx';

const pageSize = 20;
const columns = [
  { label: 'User' },
  { label: 'Version', numeric: true, wide: true },
  { label: 'Status' },
  { label: 'Since' },
  { label: 'Until', wide: true },
];

/** Current and past subscribers of the package, newest subscription first. */
export function Subscribers({ subject }: { subject: Subject }) {
  const paths = usePaths();
  const isPhone = useIsPhone();
  const pages = usePages();
  const answer = useAnswer(
    SubscribersDocument,
    { id: subject.id, first: pageSize, after: pages.after },
    { keepPrevious: true },
  );
  return (
    <Card title={`Subscribers (${formatCount(subject.subscriberCount, 'user has it', 'users have it')} now)`}>
      <Answer of={answer}>
        {({ subscriptions }) =>
          subscriptions === null || subscriptions.length === 0 ? (
            <Nobody subject={subject} />
          ) : (
            <>
              <DataTable label="Subscribers" columns={columns}>
                {subscriptions.map((each) => (
                  <Table.Tr key={each.id}>
                    <Table.Td>
                      <Group gap={4} wrap="nowrap">
                        <Anchor component={Link} to={paths.user(each.userId)}>
                          {each.user.name || each.user.email || each.userId}
                        </Anchor>
                        <CopyIcon text={each.userId} />
                      </Group>
                      {(each.user.name || each.user.email) && (
                        <Text size="xs" c="dimmed">
                          {each.userId}
                        </Text>
                      )}
                    </Table.Td>
                    <Table.Td ta="right">{each.package.version}</Table.Td>
                    <Table.Td>
                      <SubscriptionBadge status={each.status} />
                      <Provider subscription={each} />
                    </Table.Td>
                    <Table.Td>
                      <Moment at={each.startedAt} withTime={!isPhone} />
                    </Table.Td>
                    <Table.Td>
                      <Until subscription={each} />
                    </Table.Td>
                  </Table.Tr>
                ))}
              </DataTable>
              <Pager pages={pages} full={subscriptions.length === pageSize} last={subscriptions.at(-1)?.id} />
            </>
          )
        }
      </Answer>
    </Card>
  );
}

/** The empty state: why there are no subscribers, and the next step. */
function Nobody({ subject }: { subject: Subject }) {
  const environment = useEnvironment();
  if (subject.status === 'DRAFT') return <Text c="dimmed">A draft has none: publish it first.</Text>;
  if (subject.status === 'ARCHIVED') return <Text c="dimmed">Nobody has subscribed to it.</Text>;
  const operation = `mutation { subscribe(userId: "…", packageIds: [${JSON.stringify(subject.id)}]) { id } }`;
  return (
    <Stack gap="xs">
      <Text>
        It is published, and nobody has subscribed to it yet. Next, subscribe a user: with the button at the
        top, or from your server with the id of a user:
      </Text>
      <Copyable text={curlOf(environment, operation)} block />
    </Stack>
  );
}
