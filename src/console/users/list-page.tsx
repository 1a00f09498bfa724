import { Button, CopyButton, Group, Select, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconCheck, IconLink, IconSearch } from '@tabler/icons-react';
import { type Dispatch, type SetStateAction, useEffect, useRef, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { ChoicesDocument, UserCountDocument, UserListDocument } from '../generated/operations.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { choicesOf } from '../parts/ids.ts';
import { formatCount } from '../parts/numbers.ts';
import { PageHead } from '../parts/page-head.tsx';
import { Pager, usePages } from '../parts/pager.tsx';
import { statusWords } from '../subscriptions/badge.tsx';
import { type ListedUser, SelectedUsers } from './selected.tsx';
import { NewUser } from './user-dialogs.tsx';
import { listed, UserTable, UserTableSkeleton } from './user-table.tsx';
import { changed, isFiltered, listOf, readView, type View, writeView } from './view.ts';

/** The view in the address of this page, and a way to change it. */
function useView(): [View, (change: Partial<View>) => void] {
  const [params, setParams] = useSearchParams();
  const set = (change: Partial<View>) =>
    setParams((before) => writeView(changed(readView(before), change)), { replace: true });
  return [readView(params), set];
}

export function Page() {
  const paths = usePaths();
  const [view, setView] = useView();
  const [chosen, setChosen] = useState<readonly ListedUser[]>([]);
  return (
    <>
      <PageHead title="Users">
        <Button component={Link} to={paths.flaggedUsers} variant="default">
          Flagged
        </Button>
        <Button component={Link} to={paths.importUsers} variant="default">
          Import and export
        </Button>
        <NewUser fragment="new" />
      </PageHead>
      <Filters view={view} setView={setView} />
      <SelectedUsers users={chosen} onClear={() => setChosen([])} />
      <Found
        key={writeView(view).toString()}
        view={view}
        setView={setView}
        chosen={chosen}
        setChosen={setChosen}
      />
    </>
  );
}

const limitChoices = [
  { value: 'USED', label: 'Used some of a limit' },
  { value: 'NEAR', label: 'Near or over a limit' },
  { value: 'REACHED', label: 'Blocked by a limit' },
];

const orderChoices = [
  { value: 'CREATED_ASC', label: 'Oldest first' },
  { value: 'CREATED_DESC', label: 'Newest first' },
  { value: 'NAME_ASC', label: 'By name' },
  { value: 'NAME_DESC', label: 'By name, backwards' },
  { value: 'USE_DESC', label: 'Most used first' },
];

interface Viewing {
  view: View;
  setView: (change: Partial<View>) => void;
}

function Filters({ view, setView }: Viewing) {
  const choices = useAnswer(ChoicesDocument, {});
  return (
    <Group mb="md" gap="sm" role="search" aria-label="Users">
      <SearchInput view={view} setView={setView} />
      <Select
        aria-label="Package"
        placeholder="Any package"
        data={choicesOf(choices.data?.packages ?? [])}
        value={view.packageId}
        onChange={(packageId) => setView({ packageId })}
        w={{ base: 'calc(50% - 6px)', xs: 170 }}
        searchable
        clearable
        clearButtonProps={{ 'aria-label': 'Any package' }}
      />
      <Select
        aria-label="Status"
        placeholder="Any status"
        data={Object.entries(statusWords)
          .filter(([status]) => status !== 'INCOMPLETE_EXPIRED')
          .map(([value, label]) => ({ value, label }))}
        value={view.status}
        onChange={(status) => setView({ status: status as View['status'] })}
        w={{ base: 'calc(50% - 6px)', xs: 140 }}
        clearable
        clearButtonProps={{ 'aria-label': 'Any status' }}
      />
      <Select
        aria-label="Use"
        placeholder="Any use"
        data={limitChoices}
        value={view.limit}
        onChange={(limit) => setView({ limit: limit as View['limit'] })}
        w={{ base: 'calc(50% - 6px)', xs: 190 }}
        clearable
        clearButtonProps={{ 'aria-label': 'Any use' }}
      />
      <Select
        aria-label="Order"
        data={orderChoices}
        value={view.order}
        allowDeselect={false}
        onChange={(order) => setView({ order: (order ?? 'CREATED_ASC') as View['order'] })}
        w={{ base: 'calc(50% - 6px)', xs: 180 }}
      />
    </Group>
  );
}

function SearchInput({ view, setView }: Viewing) {
  const [typed, setTyped] = useState(view.search);
  const [search] = useDebouncedValue(typed.trim(), 200);
  const sent = useRef(view.search);
  useEffect(() => {
    if (search === sent.current) return;
    sent.current = search;
    setView({ search });
  }, [search, setView]);
  // The address changed in another way, by the browser's way back for example.
  useEffect(() => {
    if (view.search === sent.current) return;
    sent.current = view.search;
    setTyped(view.search);
  }, [view.search]);
  return (
    <TextInput
      aria-label="Find a user"
      placeholder="Id, name, email or billing id"
      leftSection={<IconSearch size={16} aria-hidden />}
      miw={260}
      flex={1}
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
    />
  );
}

/** The matching users, page by page. */
function Found(
  props: Viewing & {
    chosen: readonly ListedUser[];
    setChosen: Dispatch<SetStateAction<readonly ListedUser[]>>;
  },
) {
  const { view, setView, chosen, setChosen } = props;
  const pages = usePages();
  const answer = useAnswer(UserListDocument, listOf(view, pages.after), { keepPrevious: true });
  // What a change did to the chosen users is known here first.
  useEffect(() => {
    const fresh = new Map(answer.data?.usersConnection.edges.map((edge) => [edge.node.id, listed(edge)]));
    setChosen((before) => before.map((user) => fresh.get(user.id) ?? user));
  }, [answer.data, setChosen]);
  if (answer.data === undefined && answer.error === null) return <UserTableSkeleton />;
  return (
    <Answer of={answer}>
      {({ usersConnection: { edges, pageInfo, asOf } }) =>
        edges.length === 0 && pages.isFirst ? (
          <NoUsers view={view} setView={setView} />
        ) : (
          <>
            <Group justify="space-between" mb={6} mih={26}>
              <Group gap="xs">
                <Count view={view} />
                <AsOf at={asOf} />
              </Group>
              {isFiltered(view) && <CopyView />}
            </Group>
            <div className="framed">
              <UserTable edges={edges} chosen={chosen} onChoose={setChosen} />
            </div>
            <Pager pages={pages} full={pageInfo.hasNextPage} last={pageInfo.endCursor ?? undefined} />
          </>
        )
      }
    </Answer>
  );
}

/** How many there are. The list does not wait for it: counting takes longer than a page of them. */
function Count({ view }: { view: View }) {
  const { data } = useAnswer(UserCountDocument, { filter: listOf(view).filter }, { keepPrevious: true });
  return (
    <Text size="sm" c="dimmed" role="status">
      {data && formatCount(data.usersConnection.totalCount, 'user')}
    </Text>
  );
}

/** Copies the address, which holds the filters and the order. */
const CopyView = () => (
  <CopyButton value={window.location.href} timeout={1500}>
    {({ copied, copy }) => (
      <Button
        variant="subtle"
        size="compact-sm"
        leftSection={copied ? <IconCheck size={14} aria-hidden /> : <IconLink size={14} aria-hidden />}
        onClick={copy}
      >
        {copied ? 'Link copied' : 'Copy a link to this view'}
      </Button>
    )}
  </CopyButton>
);

function NoUsers({ view, setView }: Viewing) {
  if (isFiltered(view))
    return (
      <Empty
        title={view.search === '' ? 'No user matches these filters' : `No user matches “${view.search}”`}
        action={
          <Button
            variant="default"
            onClick={() => setView({ search: '', packageId: null, status: null, limit: null })}
          >
            Show all users
          </Button>
        }
      >
        {view.search !== '' &&
          'Each word must match the beginning of a word in the id, name, email or billing id.'}
      </Empty>
    );
  return (
    <Empty title="No users yet" action={<NewUser />}>
      Users are the customers who use what you sell. Your server makes them with <code>createUser</code>,
      Segment sends them, or you import them.
    </Empty>
  );
}
