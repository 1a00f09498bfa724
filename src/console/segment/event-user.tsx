import { Anchor } from '@mantine/core';
import { Link } from 'react-router';
import { usePaths } from '../frame/paths.ts';
import type { EventFragment } from '../generated/operations.ts';

/** The user of an event, as a link unless the user does not exist yet. */
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
