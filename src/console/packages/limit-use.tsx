import { Paper, SimpleGrid, Text, Title } from '@mantine/core';
import { Card } from '../parts/card.tsx';
import { LimitShares } from '../usage/limit-shares.tsx';
import type { Subject } from './package-page.tsx';

/** Of how many features; each asks the server on its own. */
const most = 6;

/** How far the limits of a package are used up by its subscribers: whether it is too small, or too large. */
export function LimitUse({ subject }: { subject: Subject }) {
  const limited = subject.features.filter(({ limit }) => limit !== null);
  if (limited.length === 0 || subject.subscriberCount === 0) return null;
  return (
    <Card title="Use of limits">
      <Text size="sm" c="dimmed">
        How much of their limit subscribers have used in the current window.
        {limited.length > most && ` Of the first ${most} features with a limit.`}
      </Text>
      <SimpleGrid cols={{ base: 1, md: limited.length === 1 ? 1 : 2 }}>
        {limited.slice(0, most).map(({ id, name }) => (
          <Paper key={id} withBorder p="sm">
            <Title order={3} size="h5" mb="xs">
              {name}
            </Title>
            <LimitShares featureId={id} featureName={name} packageId={subject.id} />
          </Paper>
        ))}
      </SimpleGrid>
    </Card>
  );
}
