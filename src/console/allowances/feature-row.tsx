import { Anchor, Button, Collapse, Group } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';

/**
 * One feature on a user's page, with its usage.
 *
 * @param before content before the name; `after` is content after it
 * @param action what can be done about it
 * @param history shown on demand; null if there is none
 */
export function FeatureRow(props: {
  feature: { id: string; name: string };
  before?: ReactNode;
  after: ReactNode;
  action?: ReactNode;
  history: ReactNode | null;
  children: ReactNode;
}) {
  const { feature, before, after, action, history, children } = props;
  const paths = usePaths();
  const [opened, { toggle }] = useDisclosure();
  return (
    <section aria-label={feature.name}>
      <Group justify="space-between" mb={4}>
        <Group gap="xs">
          {before}
          <Anchor component={Link} to={paths.feature(feature.id)} fw={500}>
            {feature.name}
          </Anchor>
          {after}
        </Group>
        <Group gap={4}>
          {action}
          {history && (
            <Button variant="subtle" size="compact-sm" onClick={toggle} aria-expanded={opened}>
              {opened ? 'Hide history' : 'History'}
            </Button>
          )}
        </Group>
      </Group>
      {children}
      <Collapse expanded={opened}>{opened && history}</Collapse>
    </section>
  );
}
