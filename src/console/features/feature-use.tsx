import { Anchor, Group, List, SimpleGrid, Skeleton, Stack, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { BlockedUsersDocument, type FeatureQuery, FeatureUseDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';
import { LimitShares } from '../usage/limit-shares.tsx';
import { SpanChoice } from '../usage/span-choice.tsx';
import { hoursOf, spanInWords, usualSpan } from '../usage/spans.ts';

const topColumns = [{ label: 'User' }, { label: 'Used', numeric: true }];
const packageColumns = [
  { label: 'Package' },
  { label: 'Users', numeric: true },
  { label: 'Used', numeric: true },
];

/** Who uses a feature: the users who used most, the packages, and how far limits are used up. */
export function FeatureUse({ feature }: { feature: FeatureQuery['feature'] }) {
  return (
    <>
      <WhoUsed feature={feature} />
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Card title="Use of limits">
          <LimitShares featureId={feature.id} featureName={feature.name} />
        </Card>
        <Blocked featureId={feature.id} />
      </SimpleGrid>
    </>
  );
}

function WhoUsed({ feature }: { feature: FeatureQuery['feature'] }) {
  const paths = usePaths();
  const [span, setSpan] = useState(usualSpan);
  const answer = useAnswer(FeatureUseDocument, { id: feature.id, ...hoursOf(span) }, { keepPrevious: true });
  return (
    <Card title="Who uses it" action={<SpanChoice value={span} onChange={setSpan} />}>
      {answer.data === undefined && answer.error === null ? (
        <Skeleton h={160} />
      ) : (
        <Answer of={answer}>
          {({ topUsers, usageByPackage }) =>
            topUsers.length === 0 ? (
              <Text c="dimmed">Nobody used it in {spanInWords(span)}.</Text>
            ) : (
              <SimpleGrid cols={{ base: 1, md: 2 }}>
                <DataTable label="Users who used most" columns={topColumns} minWidth={260}>
                  {topUsers.map(({ user, used }) => (
                    <Table.Tr key={user.id}>
                      <Table.Td style={{ overflowWrap: 'anywhere' }}>
                        <Anchor component={Link} to={paths.user(user.id)} fz="sm">
                          {user.name || user.id}
                        </Anchor>
                      </Table.Td>
                      <Table.Td ta="right">{formatNumber(used)}</Table.Td>
                    </Table.Tr>
                  ))}
                </DataTable>
                <DataTable label="Usage by package" columns={packageColumns} minWidth={260}>
                  {usageByPackage.map(({ package: its, used, userCount }) => (
                    <Table.Tr key={its?.id ?? ''}>
                      <Table.Td>
                        {its === null ? (
                          'Without a package'
                        ) : (
                          <Anchor component={Link} to={paths.package(its.id)} fz="sm">
                            {its.name}
                          </Anchor>
                        )}
                      </Table.Td>
                      <Table.Td ta="right">{formatNumber(userCount)}</Table.Td>
                      <Table.Td ta="right">{formatNumber(used)}</Table.Td>
                    </Table.Tr>
                  ))}
                </DataTable>
              </SimpleGrid>
            )
          }
        </Answer>
      )}
    </Card>
  );
}

const shown = 10;

function Blocked({ featureId }: { featureId: string }) {
  const paths = usePaths();
  const answer = useAnswer(BlockedUsersDocument, { featureId, first: shown });
  return (
    <Card title="Blocked by a limit">
      {answer.data === undefined && answer.error === null ? (
        <Skeleton h={80} />
      ) : (
        <Answer of={answer}>
          {({ usersConnection: { nodes, totalCount } }) =>
            totalCount === 0 ? (
              <Text c="dimmed" size="sm">
                Nobody: no limit of it is used up, or there is more by overage or a top-up.
              </Text>
            ) : (
              <Stack gap="xs">
                <List size="sm">
                  {nodes.map(({ id, name }) => (
                    <List.Item key={id}>
                      <Anchor component={Link} to={paths.user(id)} fz="sm">
                        {name || id}
                      </Anchor>
                    </List.Item>
                  ))}
                </List>
                {totalCount > shown && (
                  <Group>
                    <Text size="sm" c="dimmed">
                      And {formatCount(totalCount - shown, 'other user', 'other users')}.
                    </Text>
                  </Group>
                )}
              </Stack>
            )
          }
        </Answer>
      )}
    </Card>
  );
}
