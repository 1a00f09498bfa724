import { Group, Paper, Stack, Title } from '@mantine/core';
import { type ReactNode, useEffect, useRef } from 'react';
import { useLocation } from 'react-router';

/** A section of a page with a title. */
export function Card(props: {
  title: string;
  action?: ReactNode;
  /** The URL fragment of this section. */
  id?: string;
  children: ReactNode;
}) {
  const { title, action, id, children } = props;
  const ref = useArrival(id);
  return (
    <Paper ref={ref} withBorder p="md" component="section" aria-label={title} className="part">
      <Stack>
        <Group justify="space-between">
          <Title order={2} size="h4">
            {title}
          </Title>
          {action}
        </Group>
        {children}
      </Stack>
    </Paper>
  );
}

/** Scrolls to the section in the URL fragment once it is rendered. */
function useArrival(id: string | undefined) {
  const ref = useRef<HTMLDivElement>(null);
  const { hash, key } = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: following the same link again scrolls again
  useEffect(() => {
    if (id !== undefined && hash === `#${id}`) ref.current?.scrollIntoView();
  }, [id, hash, key]);
  return ref;
}
