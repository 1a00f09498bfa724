import { Anchor, Checkbox, Group, Paper, Progress, Skeleton, Stack, Table, Text } from '@mantine/core';
import type { KeyboardEvent, MouseEvent } from 'react';
import { Link, useNavigate } from 'react-router';
import { useAhead, useRest } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { UserDocument, type UserListQuery } from '../generated/operations.ts';
import { detailPages } from '../pages.ts';
import { useIsLater } from '../parts/later.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';
import { SubscriptionBadge } from '../subscriptions/badge.tsx';
import type { ListedUser } from './selected.tsx';

type Edge = UserListQuery['usersConnection']['edges'][number];

const columns = [
  { label: 'User' },
  { label: 'Packages', wide: true },
  { label: 'Highest use' },
  { label: 'Last used', wide: true },
];

/** Which user an edge is about, with what is done to many users at once needs. */
export const listed = ({ node, subscriptions }: Edge): ListedUser => ({
  id: node.id,
  packages: subscriptions.map((each) => each.package),
});

/** Rows that are drawn first: more than most screens are high. */
const firstRows = 16;

/** Users with what they hold and use. A row opens by a click anywhere; the arrow keys go from row to row. */
export function UserTable(props: {
  edges: readonly Edge[];
  chosen: readonly ListedUser[];
  onChoose: (chosen: readonly ListedUser[]) => void;
}) {
  const { edges, chosen, onChoose } = props;
  const isChosen = ({ id }: { id: string }) => chosen.some((each) => each.id === id);
  const onPage = edges.filter(({ node }) => isChosen(node)).length;
  const others = chosen.filter(({ id }) => !edges.some(({ node }) => node.id === id));
  const isLater = useIsLater();
  const chooseAll = (
    <Checkbox
      aria-label="Choose all on this page"
      size="xs"
      checked={onPage === edges.length}
      indeterminate={onPage > 0 && onPage < edges.length}
      onChange={() => onChoose(onPage === edges.length ? others : [...others, ...edges.map(listed)])}
    />
  );
  return (
    <DataTable label="Users" columns={[{ label: 'Choose', head: chooseAll }, ...columns]}>
      {(isLater ? edges : edges.slice(0, firstRows)).map((edge) => (
        <Row
          key={edge.node.id}
          edge={edge}
          chosen={isChosen(edge.node)}
          onChoose={(is) =>
            onChoose(is ? [...chosen, listed(edge)] : chosen.filter(({ id }) => id !== edge.node.id))
          }
        />
      ))}
    </DataTable>
  );
}

function Row(props: { edge: Edge; chosen: boolean; onChoose: (chosen: boolean) => void }) {
  const { edge, chosen, onChoose } = props;
  const { node: user, subscriptions, highestUse, lastUsedAt } = edge;
  const paths = usePaths();
  const navigate = useNavigate();
  const ahead = useAhead();
  const rest = useRest();
  return (
    <Table.Tr
      className="row"
      data-chosen={chosen || undefined}
      {...rest(() => {
        detailPages.user().catch(() => undefined);
        ahead(UserDocument, { id: user.id });
      })}
      onClick={(event) => !isControl(event) && navigate(paths.user(user.id))}
    >
      <Table.Td w={40}>
        <Checkbox
          aria-label={`Choose ${user.id}`}
          size="xs"
          checked={chosen}
          onChange={(event) => onChoose(event.currentTarget.checked)}
        />
      </Table.Td>
      <Table.Td style={{ overflowWrap: 'anywhere' }}>
        <Anchor component={Link} to={paths.user(user.id)} fw={500} className="short" onKeyDown={goByArrow}>
          {user.name || user.email || user.id}
        </Anchor>
        <Text size="xs" c="dimmed" visibleFrom="sm">
          {[user.id, user.name ? user.email : null].filter((text) => text && text !== user.name).join(' · ')}
        </Text>
        <Text size="xs" c="dimmed" hiddenFrom="sm" className="short">
          {[user.id, ...subscriptions.map((each) => each.package.name)].join(' · ')}
        </Text>
      </Table.Td>
      <Table.Td>
        <Stack gap={4}>
          {subscriptions.length === 0 && <Text c="dimmed">—</Text>}
          {subscriptions.map((each) => (
            <Group key={each.id} gap={6} wrap="nowrap">
              <Text size="sm">{each.package.name}</Text>
              {each.status !== 'ACTIVE' && <SubscriptionBadge status={each.status} />}
            </Group>
          ))}
        </Stack>
      </Table.Td>
      <Table.Td className="use">
        <Use use={highestUse} />
      </Table.Td>
      <Table.Td>{lastUsedAt === null ? '—' : <Moment at={lastUsedAt} withTime={false} />}</Table.Td>
    </Table.Tr>
  );
}

function Use({ use }: { use: Edge['highestUse'] }) {
  if (use === null) return <Text c="dimmed">—</Text>;
  const { feature, used, budget, usedPercent } = use;
  const isOver = used >= budget;
  const label = `${formatNumber(used)} of ${formatNumber(budget)} ${feature.unitLabelPlural ?? feature.name}`;
  return (
    <>
      <Text size="sm">{label}</Text>
      <Progress
        value={Math.min(usedPercent ?? 100, 100)}
        size="sm"
        color={isOver ? 'var(--gone)' : 'var(--mantine-color-anchor)'}
        aria-label={`${label}: ${usedPercent === null ? 'over the limit of 0' : `${usedPercent}%`}`}
      />
    </>
  );
}

/** Whether something that has an action of its own was clicked, or text was selected. */
function isControl({ target, defaultPrevented }: MouseEvent): boolean {
  const isText = window.getSelection()?.isCollapsed === false;
  return (
    defaultPrevented ||
    isText ||
    (target instanceof Element && target.closest('a, button, input, time, label') !== null)
  );
}

/** Moves the focus to the link of the row before or after. */
function goByArrow(event: KeyboardEvent<HTMLAnchorElement>): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const row = event.currentTarget.closest('tr');
  const other = event.key === 'ArrowDown' ? row?.nextElementSibling : row?.previousElementSibling;
  const link = other?.querySelector('a');
  if (!link) return;
  event.preventDefault();
  link.focus();
}

/** As high as the table, so that nothing jumps when it comes. */
export const UserTableSkeleton = () => (
  <Paper withBorder p="md" role="status" aria-label="Loading">
    <Stack gap="md">
      {['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((each) => (
        <Skeleton key={each} h={36} />
      ))}
    </Stack>
  </Paper>
);
