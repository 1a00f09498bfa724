import { Button, Group, Paper, Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useSearchParams } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { ConfigurationHead } from '../catalogue/head.tsx';
import { AuditLogDocument, type AuditLogQueryVariables } from '../generated/operations.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { Pager, usePages } from '../parts/pager.tsx';
import { DataTable } from '../parts/table.tsx';
import { Entry } from './entry.tsx';
import { isSubject, subjects } from './subjects.ts';

const pageSize = 25;
const columns = [{ label: 'When' }, { label: 'Who' }, { label: 'What' }, { label: 'Changes' }];

/** The URL holds the filter: `about` and `id`, or `user` for everything about one user. */
export function Page() {
  const [params, setParams] = useSearchParams();
  const about = params.get('about');
  const id = params.get('id') ?? '';
  const user = params.get('user');
  const subjectType = isSubject(about) ? about : null;
  const filter = {
    subjectType,
    subjectId: subjectType === null || id === '' ? null : id,
    userId: user || null,
  };
  return (
    <>
      <ConfigurationHead title="Audit log" />
      <Group mb="md" align="end">
        <Select
          label="About"
          placeholder="Everything"
          clearable
          clearButtonProps={{ 'aria-label': 'Everything' }}
          data={Object.entries(subjects).map(([value, label]) => ({ value, label }))}
          value={subjectType}
          onChange={(value) => setParams(value === null ? {} : { about: value })}
        />
        {subjectType !== null && (
          <SubjectId
            key={`${subjectType} ${id}`}
            id={id}
            onFind={(found) => setParams({ about: subjectType, ...found })}
          />
        )}
        {user !== null && (
          <Button variant="default" onClick={() => setParams({})}>
            Only what concerns {user} ×
          </Button>
        )}
      </Group>
      <Log key={JSON.stringify(filter)} filter={filter} />
    </>
  );
}

function SubjectId({ id, onFind }: { id: string; onFind: (found: { id?: string }) => void }) {
  const [typed, setTyped] = useState(id);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onFind(typed === '' ? {} : { id: typed });
      }}
    >
      <Group align="end">
        <TextInput label="Id" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
        <Button type="submit" variant="default">
          Find
        </Button>
      </Group>
    </form>
  );
}

function Log({ filter }: { filter: AuditLogQueryVariables }) {
  const pages = usePages();
  const variables = { ...filter, first: pageSize, after: pages.after };
  const answer = useAnswer(AuditLogDocument, variables, { keepPrevious: true });
  return (
    <Answer of={answer}>
      {({ auditLog }) =>
        auditLog.length === 0 && pages.isFirst ? (
          <Empty title="Nothing here">
            Every change of features, packages, users, subscriptions, rules and keys is listed here, from the
            moment at which the log began.
          </Empty>
        ) : (
          <>
            <Paper withBorder>
              <DataTable label="Audit log" columns={columns} minWidth={760}>
                {auditLog.map((entry) => (
                  <Entry key={entry.id} entry={entry} />
                ))}
              </DataTable>
            </Paper>
            <Pager pages={pages} full={auditLog.length === pageSize} last={auditLog.at(-1)?.id} />
          </>
        )
      }
    </Answer>
  );
}
