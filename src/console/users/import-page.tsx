import { Anchor, Button, Code, FileButton, Group, Progress, Stack, Table, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { useEnvironment } from '../api/hooks.ts';
import { type Environment, request } from '../api/request.ts';
import { usePaths } from '../frame/paths.ts';
import {
  ExportUsersDocument,
  type ExportUsersQuery,
  ImportUsersDocument,
  type ImportUsersMutation,
} from '../generated/operations.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { Failure } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { download } from '../parts/download.ts';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { PageHead } from '../parts/page-head.tsx';
import { State } from '../parts/state.tsx';
import { DataTable } from '../parts/table.tsx';
import { splitCsv } from './csv.ts';

type Row = ImportUsersMutation['importUsers']['rows'][number];

export function Page() {
  const paths = usePaths();
  return (
    <>
      <PageHead title="Import and export" back={{ to: paths.users, label: 'Users' }} />
      <Stack>
        <Import />
        <Export />
      </Stack>
    </>
  );
}

function Import() {
  const environment = useEnvironment();
  const client = useQueryClient();
  const [rows, setRows] = useState<Row[]>([]);
  const [share, setShare] = useState(0);
  const run = useMutation({
    mutationFn: async (file: File) => {
      setRows([]);
      setShare(0);
      const parts = splitCsv(await file.text());
      for (const [index, { csv, linesBefore }] of parts.entries()) {
        const { importUsers } = await request(environment, ImportUsersDocument, { csv });
        const found = importUsers.rows.map((row) => ({ ...row, line: row.line + linesBefore }));
        setRows((before) => [...before, ...found]);
        setShare((index + 1) / parts.length);
      }
    },
    onSettled: () => client.invalidateQueries({ queryKey: [environment] }),
  });
  return (
    <Card title="Import">
      <Text>
        A CSV file with the columns <Code>id,email,name,billingId,metadata</Code>, in any order. Users are
        made, changed or merged as needed, and a file can be imported again without harm. A row without an id
        is a customer of your billing provider, whom the email identifies until the user signs up.
      </Text>
      <FileButton
        accept=".csv,text/csv"
        inputProps={{ 'aria-label': 'A CSV file of users' }}
        onChange={(file) => file && run.mutate(file)}
      >
        {(props) => (
          <ActionButton {...props} w="fit-content" loading={run.isPending}>
            Choose a file
          </ActionButton>
        )}
      </FileButton>
      {run.isPending && <Progress value={share * 100} aria-label="Import" animated />}
      <Failure error={run.error} />
      {rows.length > 0 && <Results rows={rows} />}
      {run.isSuccess && rows.length === 0 && <Text role="status">There are no rows in this file.</Text>}
    </Card>
  );
}

const words: Record<Row['outcome'], string> = {
  CREATED: 'Created',
  UPDATED: 'Updated',
  MERGED: 'Merged',
  CLAIMED: 'Claimed',
  UNCHANGED: 'Unchanged',
  FAILED: 'Failed',
};
const outcomes = Object.keys(words) as Row['outcome'][];

/** Only these are listed; the counts include all rows. */
const maxListed = 500;

function Results({ rows }: { rows: readonly Row[] }) {
  const paths = usePaths();
  const failedFirst = [...rows].sort((a, b) => Number(b.error !== null) - Number(a.error !== null));
  return (
    <Stack role="status">
      <Group gap="md">
        {outcomes.map((outcome) => {
          const count = rows.filter((row) => row.outcome === outcome).length;
          return (
            count > 0 && (
              <State key={outcome} tone={outcome === 'FAILED' ? 'bad' : 'good'}>
                {`${formatNumber(count)} ${words[outcome].toLowerCase()}`}
              </State>
            )
          );
        })}
      </Group>
      <DataTable
        label="Rows"
        columns={[{ label: 'Line', numeric: true }, { label: 'User' }, { label: 'Outcome' }]}
      >
        {failedFirst.slice(0, maxListed).map((row) => (
          <Table.Tr key={row.line}>
            <Table.Td ta="right">{formatNumber(row.line)}</Table.Td>
            <Table.Td>
              {row.user === null ? (
                '—'
              ) : (
                <Anchor component={Link} to={paths.user(row.user.id)}>
                  {row.user.id}
                </Anchor>
              )}
            </Table.Td>
            <Table.Td>{row.error === null ? words[row.outcome] : `Failed: ${row.error.message}`}</Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
      {rows.length > maxListed && (
        <Text size="sm" c="dimmed">
          The first {formatNumber(maxListed)} of {formatCount(rows.length, 'row')} are listed, those that
          failed before the others.
        </Text>
      )}
    </Stack>
  );
}

const exportedAtOnce = 1_000;

/** Exports all users as one file, read page by page. */
async function exportAll(environment: Environment): Promise<string> {
  let text = '';
  let after: string | undefined;
  for (;;) {
    const page: ExportUsersQuery = await request(environment, ExportUsersDocument, {
      first: exportedAtOnce,
      after,
    });
    // Each page has a header; keep the first.
    text +=
      after === undefined ? page.exportUsers : page.exportUsers.slice(page.exportUsers.indexOf('\n') + 1);
    if (page.users.length < exportedAtOnce) return text;
    after = page.users.at(-1)?.id;
  }
}

function Export() {
  const environment = useEnvironment();
  const save = useMutation({
    mutationFn: async () => download(`users-${environment}.csv`, await exportAll(environment), 'text/csv'),
  });
  return (
    <Card title="Export">
      <Text>All users of the {environment} environment, in the form that can be imported again.</Text>
      <Button w="fit-content" variant="default" loading={save.isPending} onClick={() => save.mutate()}>
        Save as CSV
      </Button>
      <Failure error={save.error} />
    </Card>
  );
}
