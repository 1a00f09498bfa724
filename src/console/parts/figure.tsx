import { Anchor, Paper, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'react-router';

/** One figure with its label; the whole is a link if `to` is given. */
export function Figure({ label, to, children }: { label: string; to?: string; children: ReactNode }) {
  return (
    <Paper withBorder p="md" className={to === undefined ? undefined : 'tile'}>
      <Text size="sm" c="dimmed" component="div">
        {to === undefined ? (
          label
        ) : (
          <Anchor component={Link} to={to} className="tile-link">
            {label}
          </Anchor>
        )}
      </Text>
      <Text component="div" size="xl" fw={600}>
        {children}
      </Text>
    </Paper>
  );
}
