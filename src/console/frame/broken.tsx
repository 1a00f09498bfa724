import { Button, Center, Stack, Text, Title } from '@mantine/core';
import { Theme } from './theme.tsx';

/** Shown when a page fails or cannot be loaded, for example after an update of the server. */
export function Broken() {
  return (
    <Theme>
      <Center mih="60vh" component="main">
        <Stack align="center" p="md">
          <Title order={1} size="h2">
            This page could not be shown
          </Title>
          <Text>The server may have been updated, or could not be reached.</Text>
          <Button onClick={() => window.location.reload()}>Reload</Button>
        </Stack>
      </Center>
    </Theme>
  );
}
