import { Table, Text } from '@mantine/core';
import { useAnswer } from '../api/hooks.ts';
import { MigrationProblemsDocument } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { readable } from '../parts/messages.ts';
import { DataTable } from '../parts/table.tsx';
import { UserLink } from './preview.tsx';

const listed = 100;

/** The first users whom a migration did not move, and why. */
export function Problems({ id }: { id: string }) {
  const answer = useAnswer(MigrationProblemsDocument, { id, first: listed });
  return (
    <Answer of={answer}>
      {({ migration: { problems } }) => (
        <>
          <DataTable
            label="Users who were not moved"
            columns={[{ label: 'User' }, { label: 'Outcome' }, { label: 'Why' }]}
          >
            {problems.map(({ id: key, userId, outcome, reason }) => (
              <Table.Tr key={key}>
                <Table.Td>{userId === null ? 'deleted' : <UserLink id={userId} />}</Table.Td>
                <Table.Td>{outcome === 'SKIPPED' ? 'Skipped' : 'Failed'}</Table.Td>
                <Table.Td>{readable(reason)}</Table.Td>
              </Table.Tr>
            ))}
          </DataTable>
          {problems.length === listed && (
            <Text size="sm" c="dimmed">
              These are the first {listed}.
            </Text>
          )}
        </>
      )}
    </Answer>
  );
}
