import { Group, Stack, Title } from '@mantine/core';
import { type ReactNode, useEffect, useRef } from 'react';
import { useLocation } from 'react-router';

/**
 * A section of a page with a title: a heading over a line, on the page itself.
 *
 * @param isMain whether it is what the page is about: such a section has a frame. At most one of a page has it.
 */
export function Card(props: {
  title: string;
  isMain?: boolean;
  action?: ReactNode;
  /** The URL fragment of this section. */
  id?: string;
  children: ReactNode;
}) {
  const { title, isMain = false, action, id, children } = props;
  const ref = useArrival(id);
  return (
    <section ref={ref} aria-label={title} className="part" data-main={isMain || undefined}>
      <Group justify="space-between" gap="xs" className="part-head">
        <Title order={2} size="h4">
          {title}
        </Title>
        {action}
      </Group>
      <Stack gap="sm">{children}</Stack>
    </section>
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
