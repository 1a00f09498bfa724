import { Group, Progress, Skeleton, Stack, Text } from '@mantine/core';
import { useAnswer } from '../api/hooks.ts';
import { LimitSharesDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { formatCount } from '../parts/numbers.ts';
import { sharesOf } from './shares.ts';

/** How many users have used which part of their limit of a feature in their window; of one package only if it is given. */
export function LimitShares(props: { featureId: string; featureName: string; packageId?: string }) {
  const { featureId, featureName, packageId = null } = props;
  const answer = useAnswer(LimitSharesDocument, { featureId, packageId });
  if (answer.data === undefined && answer.error === null) return <Skeleton h={120} />;
  return (
    <Answer of={answer}>
      {(counts) => {
        const shares = sharesOf(counts);
        const most = Math.max(1, ...shares.map(({ count }) => count));
        if (shares.every(({ count }) => count === 0))
          return (
            <Text c="dimmed" size="sm">
              Nobody has used half of it or more.
            </Text>
          );
        return (
          <Stack gap={6}>
            {shares.map(({ label, count, isOver }) => (
              <div key={label}>
                <Group justify="space-between" gap="xs">
                  <Text size="sm">{label}</Text>
                  <Text size="sm">{formatCount(count, 'user')}</Text>
                </Group>
                <Progress
                  value={(count * 100) / most}
                  size="sm"
                  color={isOver ? 'var(--gone)' : 'var(--mantine-color-anchor)'}
                  aria-label={`${featureName}, ${label}: ${formatCount(count, 'user')}`}
                />
              </div>
            ))}
            <AsOf at={counts.near.asOf} />
          </Stack>
        );
      }}
    </Answer>
  );
}
