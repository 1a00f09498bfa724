import { Anchor, Button, Paper, Table, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { UsersDocument } from '../generated/operations.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Pager, usePages } from '../parts/pager.tsx';
import { DataTable } from '../parts/table.tsx';
import { NewUser } from './user-dialogs.tsx';

const pageSize = 50;
const columns = [{ label: 'User' }, { label: 'Id' }, { label: 'Email' }, { label: 'Billing id' }];

export function Page() {
  const paths = usePaths();
  const [params, setParams] = useSearchParams();
  const [typed, setTyped] = useState(params.get('search') ?? '');
  const [search] = useDebouncedValue(typed.trim(), 200);
  useEffect(() => {
    setParams(search === '' ? {} : { search }, { replace: true });
  }, [search, setParams]);
  return (
    <>
      <PageHead title="Users">
        <Button component={Link} to={paths.flaggedUsers} variant="default">
          Flagged
        </Button>
        <Button component={Link} to={paths.importUsers} variant="default">
          Import and export
        </Button>
        <NewUser />
      </PageHead>
      <TextInput
        aria-label="Find a user"
        placeholder="Find by id, name, email or billing id"
        leftSection={<IconSearch size={16} aria-hidden />}
        maw={420}
        mb="md"
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <Found key={search} search={search} />
    </>
  );
}

/** The matching users, oldest first, page by page. */
function Found({ search }: { search: string }) {
  const paths = usePaths();
  const pages = usePages();
  const answer = useAnswer(
    UsersDocument,
    { search: search || null, first: pageSize, after: pages.after },
    { keepPrevious: true },
  );
  return (
    <Answer of={answer}>
      {({ users }) =>
        users.length === 0 && pages.isFirst ? (
          <NoUsers search={search} />
        ) : (
          <>
            <Paper withBorder>
              <DataTable label="Users" columns={columns}>
                {users.map((user) => (
                  <Table.Tr key={user.id}>
                    <Table.Td>
                      <Anchor component={Link} to={paths.user(user.id)} fw={500}>
                        {user.name || user.email || user.id}
                      </Anchor>
                    </Table.Td>
                    <Table.Td>
                      <Copyable text={user.id} />
                    </Table.Td>
                    <Table.Td>{user.email ?? '—'}</Table.Td>
                    <Table.Td>{user.billingId === null ? '—' : <Copyable text={user.billingId} />}</Table.Td>
                  </Table.Tr>
                ))}
              </DataTable>
            </Paper>
            <Pager pages={pages} full={users.length === pageSize} last={users.at(-1)?.id} />
          </>
        )
      }
    </Answer>
  );
}

function NoUsers({ search }: { search: string }) {
  if (search !== '')
    return (
      <Empty title={`No user matches “${search}”`}>
        Each word must match the beginning of a word in the id, name, email or billing id.
      </Empty>
    );
  return (
    <Empty title="No users yet" action={<NewUser />}>
      Users are the customers who use what you sell. Your server makes them with <code>createUser</code>,
      Segment sends them, or you import them.
    </Empty>
  );
}
