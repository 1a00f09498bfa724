import { Anchor, Breadcrumbs, Group, Stack, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';
import { Link } from 'react-router';

/** The title of a page, a link back, and the actions. */
export function PageHead(props: {
  title: string;
  back?: { to: string; label: string };
  aside?: ReactNode;
  /** Short facts, in a line below the title. */
  facts?: ReactNode;
  children?: ReactNode;
}) {
  const { title, back, aside, facts, children } = props;
  useEffect(() => {
    document.title = `${title} · Open Kana`;
  }, [title]);
  return (
    <Stack gap={4} mb="lg">
      {back && (
        <Breadcrumbs>
          <Anchor component={Link} to={back.to} fz="sm">
            ← {back.label}
          </Anchor>
        </Breadcrumbs>
      )}
      <Group justify="space-between" align="center">
        <Group gap="sm">
          <Title order={1} size="h2" style={{ overflowWrap: 'anywhere' }}>
            {title}
          </Title>
          {aside}
        </Group>
        <Group gap="xs" ml={{ base: 0, sm: 'auto' }}>
          {children}
        </Group>
      </Group>
      {facts && (
        <Group className="facts" c="dimmed" fz="sm">
          {facts}
        </Group>
      )}
    </Stack>
  );
}
