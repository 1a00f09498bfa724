import { Anchor, List, SimpleGrid, Skeleton, Stack, Table, Text } from '@mantine/core';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { BlockedUsersDocument, type FeatureQuery, FeatureUseDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';
import { LimitShares } from '../usage/limit-shares.tsx';
import { hoursOf, type Span, spanInWords } from '../usage/spans.ts';

const topColumns = [{ label: 'User' }, { label: 'Used', numeric: true }];
const packageColumns = [
  { label: 'Package' },
  { label: 'Users', numeric: true },
  { label: 'Used', numeric: true },
];

/** How far limits of a feature are used up, and who is blocked. */
export const LimitUse = ({ feature }: { feature: FeatureQuery['feature'] }) => (
  <>
    <Card title="Use of limits">
      <LimitShares featureId={feature.id} featureName={feature.name} />
    </Card>
    <Blocked featureId={feature.id} />
  </>
);

/** Who uses a feature: the users who used most, and the packages. */
export function WhoUsed({ feature, span }: { feature: FeatureQuery['feature']; span: Span }) {
  const paths = usePaths();
  const answer = useAnswer(FeatureUseDocument, { id: feature.id, ...hoursOf(span) }, { keepPrevious: true });
  return (
    <Card title={`Who used it in ${spanInWords(span)}`}>
      {answer.data === undefined && answer.error === null ? (
        <Skeleton h={160} />
      ) : (
        <Answer of={answer}>
          {({ topUsers, usageByPackage }) =>
            topUsers.length === 0 ? (
              <Text c="dimmed">Nobody used it in {spanInWords(span)}.</Text>
            ) : (
              <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
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
                <List size="sm" listStyleType="none" withPadding={false}>
                  {nodes.map(({ id, name }) => (
                    <List.Item key={id}>
                      <Anchor component={Link} to={paths.user(id)} fz="sm">
                        {name || id}
                      </Anchor>
                    </List.Item>
                  ))}
                </List>
                {totalCount > shown && (
                  <Text size="sm" c="dimmed">
                    And {formatCount(totalCount - shown, 'other user', 'other users')}.
                  </Text>
                )}
              </Stack>
            )
          }
        </Answer>
      )}
    </Card>
  );
}
