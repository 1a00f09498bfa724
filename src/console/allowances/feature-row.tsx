import { Anchor, Box, Button, Collapse, Group, Skeleton } from '@mantine/core';
import { type ReactNode, Suspense, useState } from 'react';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';

type More = 'why' | 'history';

/**
 * One feature on a user's page, with its usage.
 *
 * @param before content before the name; `after` is content after it
 * @param action what can be done about it
 * @param why the explanation of the access, shown on demand
 * @param history shown on demand; null if there is none
 */
export function FeatureRow(props: {
  feature: { id: string; name: string };
  before?: ReactNode;
  after: ReactNode;
  action?: ReactNode;
  why?: ReactNode;
  history: ReactNode | null;
  children?: ReactNode;
}) {
  const { feature, before, after, action, why, history, children } = props;
  const paths = usePaths();
  const [opened, setOpened] = useState<More | null>(null);
  const toggle = (which: More, label: string, hide: string) => (
    <Button
      variant="subtle"
      size="compact-sm"
      onClick={() => setOpened(opened === which ? null : which)}
      aria-expanded={opened === which}
    >
      {opened === which ? hide : label}
    </Button>
  );
  return (
    <section aria-label={feature.name}>
      <Group justify="space-between" mb={4} gap={4}>
        <Group gap="xs">
          {before}
          <Anchor component={Link} to={paths.feature(feature.id)} fw={600} c="inherit">
            {feature.name}
          </Anchor>
          {after}
        </Group>
        <Group gap={4}>
          {action}
          {why && toggle('why', 'Why', 'Hide why')}
          {history && toggle('history', 'History', 'Hide history')}
        </Group>
      </Group>
      {children}
      <Collapse expanded={opened !== null}>
        <Suspense fallback={<Skeleton h={120} mt="sm" />}>
          {opened === 'why' && <Box mt="sm">{why}</Box>}
          {opened === 'history' && history}
        </Suspense>
      </Collapse>
    </section>
  );
}
