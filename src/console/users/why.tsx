import { Anchor, Stack, Table, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { fieldChanges, wordsOf } from '../audit/difference.ts';
import { usePaths } from '../frame/paths.ts';
import { ExplainEntitlementDocument, type ExplainEntitlementQuery } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { InstantInput } from '../parts/instant-input.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { State } from '../parts/state.tsx';
import { DataTable } from '../parts/table.tsx';
import { formatChange } from '../usage/change.ts';

type Explanation = ExplainEntitlementQuery['explainEntitlement'];
type Candidate = Explanation['candidates'][number];

const candidateColumns = [
  { label: 'What the user holds' },
  { label: 'Limit', numeric: true },
  { label: 'Used', numeric: true },
  { label: 'Since', wide: true },
  { label: 'Why it counts, or not' },
];
const usageColumns = [{ label: 'Used at' }, { label: 'Amount', numeric: true }, { label: 'Note' }];
const changeColumns = [{ label: 'At' }, { label: 'What' }, { label: 'By' }];

/** So many usages and changes are shown: the ledger and the audit log have all. */
const shown = 5;

/** What could count for a feature, and the usage and changes that led there; now, or at a time. */
export function Why({ userId, featureId }: { userId: string; featureId: string }) {
  const [at, setAt] = useState('');
  const answer = useAnswer(
    ExplainEntitlementDocument,
    { userId, featureId, at: at === '' ? null : new Date(at).toISOString() },
    { keepPrevious: true },
  );
  return (
    <Stack>
      <InstantInput
        label="At"
        description="Empty: now. An earlier time tells how it was then."
        value={at}
        onChange={setAt}
        maw={340}
      />
      <Answer of={answer}>
        {({ explainEntitlement }) => (
          <>
            <Text>{explainEntitlement.summary}</Text>
            <Candidates explanation={explainEntitlement} />
            <Evidence userId={userId} explanation={explainEntitlement} />
          </>
        )}
      </Answer>
    </Stack>
  );
}

function Candidates({ explanation: { candidates, feature } }: { explanation: Explanation }) {
  if (candidates.length === 0) return null;
  return (
    <DataTable label="What could count" columns={candidateColumns}>
      {candidates.map((candidate) => (
        <Table.Tr key={candidate.subscription?.id ?? candidate.grant?.id} style={{ verticalAlign: 'top' }}>
          <Table.Td>
            <Held candidate={candidate} />
          </Table.Td>
          <Table.Td ta="right">{feature.type === 'BINARY' ? '—' : formatLimit(candidate.limit)}</Table.Td>
          <Table.Td ta="right">{candidate.used === null ? '—' : formatNumber(candidate.used)}</Table.Td>
          <Table.Td>{candidate.windowStart === null ? '—' : <Moment at={candidate.windowStart} />}</Table.Td>
          <Table.Td>
            {candidate.outcome === 'COUNTS' && <State tone="good">Counts</State>}
            <Text size="sm" c="dimmed">
              {candidate.reason}
            </Text>
          </Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}

const formatLimit = (limit: number | null) => (limit === null ? 'Unlimited' : formatNumber(limit));

function Held({ candidate: { subscription, grant } }: { candidate: Candidate }) {
  const paths = usePaths();
  if (subscription === null)
    return (
      <>
        Grant
        {grant?.reason && (
          <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {grant.reason}
          </Text>
        )}
      </>
    );
  const { id, name, version } = subscription.package;
  return (
    <>
      <Anchor component={Link} to={paths.packageVersion(id, version)} underline="always">
        {name}
      </Anchor>
      <Text size="sm" c="dimmed">
        Version {version}
      </Text>
    </>
  );
}

function Evidence({ userId, explanation }: { userId: string; explanation: Explanation }) {
  const paths = usePaths();
  const { usage, changes } = explanation;
  return (
    <>
      {usage.length > 0 && (
        <section>
          <Title order={3} size="h5">
            Last usage that counts
          </Title>
          <DataTable label="Last usage that counts" columns={usageColumns}>
            {usage.slice(0, shown).map(({ id, action, delta, occurredAt, note }) => (
              <Table.Tr key={id}>
                <Table.Td>
                  <Moment at={occurredAt} />
                </Table.Td>
                <Table.Td ta="right">{formatChange({ action, delta })}</Table.Td>
                <Table.Td style={{ overflowWrap: 'anywhere' }}>{note}</Table.Td>
              </Table.Tr>
            ))}
          </DataTable>
        </section>
      )}
      {changes.length > 0 && (
        <section>
          <Title order={3} size="h5">
            Last changes
          </Title>
          <DataTable label="Last changes" columns={changeColumns}>
            {changes.slice(0, shown).map((entry) => (
              <Table.Tr key={entry.id} style={{ verticalAlign: 'top' }}>
                <Table.Td style={{ whiteSpace: 'nowrap' }}>
                  <Moment at={entry.at} />
                </Table.Td>
                <Table.Td>
                  {wordsOf(entry.action)}
                  <Text size="sm" c="dimmed" lineClamp={2} style={{ overflowWrap: 'anywhere' }}>
                    {summaryOf(entry)}
                  </Text>
                </Table.Td>
                <Table.Td style={{ whiteSpace: 'nowrap' }}>{entry.author.label}</Table.Td>
              </Table.Tr>
            ))}
          </DataTable>
          <Anchor component={Link} to={paths.history('USER', userId)} fz="sm">
            All changes of this user
          </Anchor>
        </section>
      )}
    </>
  );
}

/** What an entry of the audit log changed, in one line. */
const summaryOf = (entry: Explanation['changes'][number]) =>
  fieldChanges(entry)
    .filter(({ from, to }) => from !== to)
    .map(({ name, from, to }) => (from === undefined ? `${name} ${to}` : `${name} ${from} → ${to ?? 'none'}`))
    .join(' · ');
