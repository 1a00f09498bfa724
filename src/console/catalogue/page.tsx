import { Stack } from '@mantine/core';
import { Webhooks } from '../webhooks/webhooks.tsx';
import { ConfigurationHead } from './head.tsx';
import { Keys } from './keys.tsx';

export function Page() {
  return (
    <>
      <ConfigurationHead title="Configuration" />
      <Stack>
        <Keys />
        <Webhooks />
      </Stack>
    </>
  );
}
