import { Button, Group, Menu, Paper, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { lazy, useState } from 'react';
import { Link } from 'react-router';
import { useEnvironment } from '../api/hooks.ts';
import { request } from '../api/request.ts';
import { usePaths } from '../frame/paths.ts';
import { ExportChosenUsersDocument } from '../generated/operations.ts';
import { Failure } from '../parts/answer.tsx';
import { download } from '../parts/download.ts';
import { formatCount } from '../parts/numbers.ts';
import { OpenButton } from '../parts/opener.tsx';
import { Merge } from './merge.tsx';
import { type Made, Undo } from './undo.tsx';

const SubscribeMany = lazy(() => import('./many.tsx').then((parts) => ({ default: parts.SubscribeMany })));
const GrantMany = lazy(() => import('./many.tsx').then((parts) => ({ default: parts.GrantMany })));

/** A user of the list. */
export interface ListedUser {
  id: string;
  packages: readonly { id: string; name: string }[];
}

/** How many users one call takes. */
const most = 1_000;

interface Selected {
  users: readonly ListedUser[];
  onClear: () => void;
}

/** What can be done to the chosen users together, hidden while none is chosen; and what was done, to take it back. */
export function SelectedUsers(props: Selected) {
  const [made, setMade] = useState<Made | null>(null);
  return (
    <>
      {props.users.length > 0 && <Actions {...props} setMade={setMade} />}
      {made !== null && <Undo made={made} onLeft={setMade} />}
    </>
  );
}

function Actions({ users, onClear, setMade }: Selected & { setMade: (made: Made) => void }) {
  const environment = useEnvironment();
  const ids = users.map(({ id }) => id);
  const save = useMutation({
    mutationFn: async () => {
      const { exportUsers } = await request(environment, ExportChosenUsersDocument, { ids });
      download(`users-${environment}.csv`, exportUsers, 'text/csv');
    },
  });
  const button = { variant: 'default', size: 'xs', disabled: ids.length > most } as const;
  return (
    <Paper withBorder p="xs" mb="md" className="selected" role="region" aria-label="Chosen users">
      <Group gap="xs">
        <Text size="sm" fw={600} role="status">
          {formatCount(users.length, 'user')} chosen
        </Text>
        <OpenButton
          label="Subscribe"
          button={button}
          dialog={(given) => <SubscribeMany {...given} userIds={ids} onMade={setMade} />}
        />
        <Move users={users} />
        <OpenButton
          label="Grant a feature"
          button={button}
          dialog={(given) => <GrantMany {...given} userIds={ids} onMade={setMade} />}
        />
        <Button
          variant="default"
          size="xs"
          disabled={ids.length > most}
          loading={save.isPending}
          onClick={() => save.mutate()}
        >
          Export
        </Button>
        <Merge ids={ids.length === 2 ? ids : ids.slice(0, 1)} onDone={onClear} />
        <Button variant="subtle" size="xs" onClick={onClear}>
          Clear
        </Button>
      </Group>
      <Failure error={save.error} />
      {ids.length > most && (
        <Text size="sm">At most {formatCount(most, 'user')} can be changed at once.</Text>
      )}
    </Paper>
  );
}

/** Leads to the page that moves subscribers, for these users and a package that some of them hold. */
function Move({ users }: { users: readonly ListedUser[] }) {
  const paths = usePaths();
  const held = new Map(
    users.flatMap(({ packages }) => packages.map((each) => [each.id, each.name] as const)),
  );
  const holders = (packageId: string) =>
    users.filter(({ packages }) => packages.some(({ id }) => id === packageId)).map(({ id }) => id);
  return (
    <Menu>
      <Menu.Target>
        <Button variant="default" size="xs" disabled={held.size === 0}>
          Move
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {[...held].map(([id, name]) => (
          <Menu.Item key={id} component={Link} to={paths.migrate(id)} state={{ userIds: holders(id) }}>
            From {name}: {formatCount(holders(id).length, 'user')}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
