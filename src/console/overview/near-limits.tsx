import { Anchor, Skeleton, Table, Text } from '@mantine/core';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { NearLimitsDocument } from '../generated/operations.ts';
import { Failure } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';
import { freshMs, nearest } from './ahead.ts';

/** Of how many features. */
const maxFeatures = 10;

const columns = [
  { label: 'Feature', wide: true },
  { label: 'User' },
  { label: 'Used', numeric: true, wide: true },
  { label: 'Of the limit', numeric: true },
];

/** Who has used much of a limit, or more than it. Hidden if nobody has. */
export function NearLimits() {
  const paths = usePaths();
  const { data, error } = useAnswer(NearLimitsDocument, nearest, {
    every: freshMs.near,
    freshMs: freshMs.near,
  });
  if (error !== null) return <Failure error={error} />;
  if (data === undefined)
    return (
      <Card title="Near or over a limit">
        <Skeleton h={180} />
      </Card>
    );
  const near = data.featuresNearLimit.slice(0, maxFeatures);
  if (near.length === 0) return null;
  const isMore =
    data.featuresNearLimit.length > maxFeatures || near.some(({ users }) => users.length === nearest.first);
  return (
    <Card title="Near or over a limit">
      <Text size="sm" c="dimmed">
        Who has used {nearest.percent}% or more of a limit in the current window.
        {isMore &&
          ` Up to ${formatCount(nearest.first, 'user')} of each feature are listed, those with the highest share first.`}
      </Text>
      <DataTable label="Near or over a limit" columns={columns}>
        {near.flatMap(({ feature, users }) =>
          users.map(({ user, used, budget, usedPercent }) => (
            <Table.Tr key={`${feature.id} ${user.id}`}>
              <Table.Td>
                <Anchor component={Link} to={paths.feature(feature.id)} fz="sm">
                  {feature.name}
                </Anchor>
              </Table.Td>
              <Table.Td style={{ overflowWrap: 'anywhere' }}>
                <Anchor component={Link} to={paths.user(user.id)} fz="sm">
                  {user.name || user.id}
                </Anchor>
                {user.name && (
                  <Text size="xs" c="dimmed" span ml={6} visibleFrom="sm">
                    {user.id}
                  </Text>
                )}
                <Text size="xs" c="dimmed" hiddenFrom="sm">
                  {formatNumber(used)} of {formatNumber(budget)} {feature.unitLabelPlural ?? feature.name}
                </Text>
              </Table.Td>
              <Table.Td ta="right">
                {formatNumber(used)} of {formatNumber(budget)} {feature.unitLabelPlural}
              </Table.Td>
              <Table.Td ta="right" c={used > budget ? 'var(--mantine-color-error)' : undefined}>
                {usedPercent === null ? 'limit 0' : `${formatNumber(usedPercent)}%`}
              </Table.Td>
            </Table.Tr>
          )),
        )}
      </DataTable>
    </Card>
  );
}
