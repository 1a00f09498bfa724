import { Button, type ButtonProps } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { useRefusal } from './permission.tsx';

/** A button that changes something. Whoever may not use it sees it disabled, with the reason. */
export function ActionButton(
  props: ButtonProps & {
    type?: 'submit';
    'aria-label'?: string;
    onClick?: () => void;
  },
) {
  const refusal = useRefusal();
  const { disabled, ...rest } = props;
  return <Button {...rest} disabled={disabled || refusal !== null} title={refusal ?? undefined} />;
}

/** The same as a link to a page where something is changed. */
export function ActionLink({ to, children, ...rest }: ButtonProps & { to: string; children: ReactNode }) {
  const refusal = useRefusal();
  if (refusal !== null)
    return (
      <Button {...rest} disabled title={refusal}>
        {children}
      </Button>
    );
  return (
    <Button {...rest} component={Link} to={to}>
      {children}
    </Button>
  );
}
