import { Anchor, Table, Text } from '@mantine/core';
import { Link, useSearchParams } from 'react-router';
import { usePaths } from '../frame/paths.ts';
import type { AuditLogQuery } from '../generated/operations.ts';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { type FieldChange, fieldChanges, wordsOf } from './difference.ts';
import { subjects } from './subjects.ts';

type AuditEntry = AuditLogQuery['auditLog'][number];

/** One entry: time, author, action, and each changed field. */
export function Entry({ entry }: { entry: AuditEntry }) {
  return (
    <Table.Tr style={{ verticalAlign: 'top' }}>
      <Table.Td style={{ whiteSpace: 'nowrap' }}>
        <Moment at={entry.at} />
      </Table.Td>
      <Table.Td style={{ whiteSpace: 'nowrap' }}>
        <Author author={entry.author} />
      </Table.Td>
      <Table.Td>
        {wordsOf(entry.action)}
        <Text size="sm" c="dimmed" component="div">
          {subjects[entry.subjectType]} <Subject entry={entry} />
        </Text>
        <Text size="xs" c="dimmed" component="div" hiddenFrom="sm">
          <Moment at={entry.at} />
          <br />
          {entry.author.label}
        </Text>
      </Table.Td>
      <Table.Td>
        <Changes changes={fieldChanges(entry)} withheld={saidOf(entry)} />
      </Table.Td>
    </Table.Tr>
  );
}

/** Who did it; leads to everything that this person or key did. */
function Author({ author: { label, memberId, keyId } }: { author: AuditEntry['author'] }) {
  const [params] = useSearchParams();
  if (memberId === null && keyId === null) return label;
  const by = memberId === null ? `key ${keyId}` : `member ${memberId}`;
  const search = new URLSearchParams(params);
  search.set('by', by);
  search.set('name', label);
  return (
    <Anchor component={Link} to={{ search: `${search}` }} size="sm" underline="always">
      {label}
    </Anchor>
  );
}

/** The id of the changed object, as a link if it has a page. */
function Subject({ entry: { subjectType, subjectId } }: { entry: AuditEntry }) {
  const paths = usePaths();
  if (subjectId === null) return '(deleted)';
  const pages = { FEATURE: paths.feature, PACKAGE: paths.package, USER: paths.user };
  if (!(subjectType in pages)) return <span className="mono">{subjectId}</span>;
  return (
    <Anchor
      component={Link}
      to={pages[subjectType as keyof typeof pages](subjectId)}
      size="sm"
      underline="always"
      style={{ overflowWrap: 'anywhere' }}
    >
      {subjectId}
    </Anchor>
  );
}

/** What happened to a value about a person, which the log does not keep. */
function saidOf({ before, after }: AuditEntry): string {
  const what = before === null ? 'Set' : after === null ? 'Deleted' : 'Changed';
  return `${what}. The log keeps no values about people.`;
}

function Changes({ changes, withheld }: { changes: readonly FieldChange[]; withheld: string }) {
  if (changes.length === 0)
    return (
      <Text size="sm" c="dimmed">
        —
      </Text>
    );
  return (
    <div className="changes">
      {changes.map(({ name, from, to, isWithheld }) => (
        <Text key={name} size="sm" component="div">
          {name}{' '}
          {isWithheld ? (
            <Text span size="sm" c="dimmed">
              {withheld}
            </Text>
          ) : (
            <>
              {from !== undefined && <Value kind="del" text={from} />}
              {to !== undefined && <Value kind="ins" text={to} />}
            </>
          )}
        </Text>
      ))}
    </div>
  );
}

/** Up to this many lines are shown at once; a whole package has a hundred. */
const shortLines = 6;

/** The signs repeat what the colours say. What has several lines stands on its own, and long values open by a click. */
function Value({ kind, text }: { kind: 'del' | 'ins'; text: string }) {
  const lines = text.split('\n').length;
  const value = (
    <Text
      component={kind}
      className="mono change"
      display={lines > 1 ? 'block' : 'inline'}
      td="none"
      data-kind={kind}
    >
      {kind === 'del' ? '− ' : '+ '}
      {text}
    </Text>
  );
  if (lines <= shortLines) return value;
  return (
    <details className="long">
      <summary className="change" data-kind={kind}>
        {kind === 'del' ? '− ' : '+ '}
        {formatNumber(lines)} lines
      </summary>
      {value}
    </details>
  );
}
