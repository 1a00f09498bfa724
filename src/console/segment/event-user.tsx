import { Anchor } from '@mantine/core';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';
import type { EventFragment } from '../generated/operations.ts';

/** Whose event it is, with the way to the user: but there is none yet for whom it waits. */
export function EventUser({ event: { user, userId, outcome } }: { event: EventFragment }) {
  const paths = usePaths();
  if (outcome === 'PENDING_USER') return userId;
  const id = user?.id ?? userId;
  return (
    <Anchor component={Link} to={paths.user(id)}>
      {id}
    </Anchor>
  );
}
