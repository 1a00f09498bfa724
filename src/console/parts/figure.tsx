import { Anchor, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'react-router';

/** The figures that matter most, side by side. */
export const Figures = ({ children }: { children: ReactNode }) => <div className="figures">{children}</div>;

/** One figure with its label; the whole is a link if `to` is given. */
export function Figure(props: {
  label: string;
  to?: string;
  /** What the figure means, in small letters below it. */
  note?: ReactNode;
  children: ReactNode;
}) {
  const { label, to, note, children } = props;
  return (
    <div className={to === undefined ? 'figure' : 'figure tile'}>
      <Text size="sm" c="dimmed" component="div">
        {to === undefined ? (
          label
        ) : (
          <Anchor component={Link} to={to} className="tile-link" c="inherit">
            {label}
          </Anchor>
        )}
      </Text>
      <Text component="div" size="xl" fw={600} lh={1.3}>
        {children}
      </Text>
      {note && (
        <Text size="xs" c="dimmed" component="div">
          {note}
        </Text>
      )}
    </div>
  );
}
