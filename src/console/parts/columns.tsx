import { Stack } from '@mantine/core';
import type { ReactNode } from 'react';

/** What a page is about, and beside it what explains it; below it where the screen is narrow. */
export const Columns = ({ aside, children }: { aside: ReactNode; children: ReactNode }) => (
  <div className="columns">
    <Stack gap="xl" miw={0}>
      {children}
    </Stack>
    <Stack gap="xl" miw={0}>
      {aside}
    </Stack>
  </div>
);
