import { Text, Title } from '@mantine/core';
import { Card } from '../parts/card.tsx';
import { LimitShares } from '../usage/limit-shares.tsx';
import type { Subject } from './package-page.tsx';

/** Of how many features; each asks the server on its own. */
const most = 6;

const limitedOf = ({ features }: Subject) => features.filter(({ limit }) => limit !== null);

/** Whether there may be limits that somebody uses. */
export const hasLimitUse = (subject: Subject): boolean =>
  subject.isCurrent && subject.subscriberCount > 0 && limitedOf(subject).length > 0;

/** How far the limits of a package are used up by its subscribers: whether it is too small, or too large. */
export function LimitUse({ subject }: { subject: Subject }) {
  const limited = limitedOf(subject);
  return (
    <Card title="Use of limits">
      <Text size="xs" c="dimmed">
        How much of their limit subscribers have used in the current window.
        {limited.length > most && ` Of the first ${most} features with a limit.`}
      </Text>
      {limited.slice(0, most).map(({ id, name }) => (
        <div key={id}>
          <Title order={3} size="h5" mb={4}>
            {name}
          </Title>
          <LimitShares featureId={id} featureName={name} packageId={subject.id} />
        </div>
      ))}
    </Card>
  );
}
