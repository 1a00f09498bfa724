import { Anchor, Stack, Text, Title } from '@mantine/core';
import { Link } from 'react-router';
import { usePaths } from './paths.ts';

export function NotFound({ what = 'There is nothing at this address.' }: { what?: string }) {
  const paths = usePaths();
  return (
    <Stack align="center" py="xl">
      <Title order={1}>Not found</Title>
      <Text>{what}</Text>
      <Anchor component={Link} to={paths.overview}>
        Go to the overview
      </Anchor>
    </Stack>
  );
}
