import { Button, Group, Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useSearchParams } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { ConfigurationHead } from '../catalogue/head.tsx';
import { AuditLogDocument, type AuditLogQueryVariables } from '../generated/operations.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { dayBefore } from '../parts/days.ts';
import { Pager, usePages } from '../parts/pager.tsx';
import { DataTable } from '../parts/table.tsx';
import { Entry } from './entry.tsx';
import { isSubject, subjects } from './subjects.ts';

const pageSize = 25;
const columns = [
  { label: 'When', wide: true },
  { label: 'Who', wide: true },
  { label: 'What' },
  { label: 'Changes' },
];

/**
 * The URL holds the filter: `about` and `id`, or `user` for everything about one user; `by` for an author with the
 * `name`; `from` and `to`, days that are both included.
 */
export function Page() {
  const [params, setParams] = useSearchParams();
  const about = params.get('about');
  const id = params.get('id') ?? '';
  const user = params.get('user');
  const subjectType = isSubject(about) ? about : null;
  const [kind, author = null] = (params.get('by') ?? '').split(' ');
  const [from, to] = [params.get('from') ?? '', params.get('to') ?? ''];
  const filter = {
    subjectType,
    subjectId: subjectType === null || id === '' ? null : id,
    userId: user || null,
    keyId: kind === 'key' ? author : null,
    memberId: kind === 'member' ? author : null,
    from: startOf(from, 0),
    to: startOf(to, 1),
  };
  /** Changes a part of the filter; null takes it out. */
  const filterBy = (part: Record<string, string | null>) => {
    const kept = new URLSearchParams(params);
    for (const [name, value] of Object.entries(part)) {
      if (value === null || value === '') kept.delete(name);
      else kept.set(name, value);
    }
    setParams(kept);
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
          onChange={(value) => filterBy({ about: value, id: null, user: null })}
        />
        {subjectType !== null && (
          <SubjectId
            key={`${subjectType} ${id}`}
            id={id}
            onFind={(found) => filterBy({ id: found.id ?? null })}
          />
        )}
        <DayInput label="From" value={from} onChange={(day) => filterBy({ from: day })} />
        <DayInput label="To" value={to} onChange={(day) => filterBy({ to: day })} />
        <Button
          variant="default"
          size="sm"
          aria-pressed={from === dayBefore(6) && to === ''}
          onClick={() => filterBy({ from: dayBefore(6), to: null })}
        >
          Last 7 days
        </Button>
        {user !== null && (
          <Button variant="default" size="sm" onClick={() => filterBy({ user: null })}>
            Only what concerns {user} ×
          </Button>
        )}
        {author !== null && (
          <Button variant="default" size="sm" onClick={() => filterBy({ by: null, name: null })}>
            Only by {params.get('name') ?? author} ×
          </Button>
        )}
      </Group>
      <Log key={JSON.stringify(filter)} filter={filter} />
    </>
  );
}

/** The first instant of a day here, or of one some days later; null for no day. */
function startOf(day: string, daysLater: number): string | null {
  const [year, month, date] = day.split('-').map(Number);
  if (year === undefined || month === undefined || date === undefined) return null;
  const start = new Date(year, month - 1, date + daysLater);
  return Number.isNaN(start.getTime()) ? null : start.toISOString();
}

const DayInput = (props: { label: string; value: string; onChange: (day: string) => void }) => (
  <TextInput {...props} type="date" onChange={(event) => props.onChange(event.currentTarget.value)} />
);

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
        <Button type="submit" variant="default" size="sm">
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
            <div className="framed">
              <DataTable label="Audit log" columns={columns}>
                {auditLog.map((entry) => (
                  <Entry key={entry.id} entry={entry} />
                ))}
              </DataTable>
            </div>
            <Pager pages={pages} full={auditLog.length === pageSize} last={auditLog.at(-1)?.id} />
          </>
        )
      }
    </Answer>
  );
}
