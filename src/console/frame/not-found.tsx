import { Button, Stack, Text, Title } from '@mantine/core';
import { Link, useLocation } from 'react-router';
import { usePaths } from './paths.ts';

/** Shown in place of a page. Leads to the list in which the object would be. */
export function NotFound({ what = 'There is no page at this address.' }: { what?: string }) {
  const paths = usePaths();
  const { pathname } = useLocation();
  const lists = [
    { to: paths.users, label: 'All users' },
    { to: paths.packages, label: 'All packages' },
    { to: paths.features, label: 'All features' },
  ];
  const { to, label } = lists.find((list) => pathname.startsWith(`${list.to}/`)) ?? {
    to: paths.overview,
    label: 'Go to the overview',
  };
  return (
    <Stack align="center" py={64} gap="sm" ta="center">
      <Title order={1} size="h2">
        Not found
      </Title>
      <Text c="dimmed" maw={520} style={{ overflowWrap: 'anywhere' }}>
        {what}
      </Text>
      <Button component={Link} to={to} variant="default">
        {label}
      </Button>
    </Stack>
  );
}
