import { Paper, Text } from '@mantine/core';
import type { ReactNode } from 'react';

/** One number or fact that matters, under what it is. */
export function Figure({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Paper withBorder p="md">
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      <Text component="div" size="xl" fw={600}>
        {children}
      </Text>
    </Paper>
  );
}
