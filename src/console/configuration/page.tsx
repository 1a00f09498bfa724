import { Stack } from '@mantine/core';
import { PageHead } from '../parts/page-head.tsx';
import { Keys } from './keys.tsx';

export function Page() {
  return (
    <>
      <PageHead title="Configuration" />
      <Stack>
        <Keys />
      </Stack>
    </>
  );
}
