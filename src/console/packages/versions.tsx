import { Anchor, Group, List, Table, Text } from '@mantine/core';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { type VersionFragment, VersionsDocument } from '../generated/operations.ts';
import { ActionLink } from '../parts/action-button.tsx';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { State } from '../parts/state.tsx';
import { DataTable } from '../parts/table.tsx';
import { differencesOf } from './difference.ts';
import { DeleteDraftButton, PublishButton } from './draft-buttons.tsx';
import type { Subject } from './package-page.tsx';

const columns = [
  { label: 'Version' },
  { label: 'What differs from the one before' },
  { label: 'Subscribers', numeric: true },
  { label: 'Actions', hidden: true },
];

/** All versions of a package, newest first, with what differs. */
export function Versions({ subject }: { subject: Subject }) {
  const paths = usePaths();
  const answer = useAnswer(VersionsDocument, { id: subject.id });
  return (
    <Answer of={answer}>
      {({ package: { versions, status } }) => {
        const behind = versions
          .filter(isEarlier)
          .reduce((sum, { subscriberCount }) => sum + subscriberCount, 0);
        return (
          <Card
            title="Versions"
            action={
              status !== 'DRAFT' && (
                <ActionLink to={paths.migrate(subject.id)} variant="default" size="xs">
                  Move subscribers
                </ActionLink>
              )
            }
          >
            {behind > 0 && status === 'PUBLISHED' && (
              <Text size="sm">
                {formatCount(behind, 'subscriber')} {behind === 1 ? 'holds' : 'hold'} an earlier version.
              </Text>
            )}
            <DataTable label="Versions" columns={columns} minWidth={320}>
              {versions.map((version, index) => (
                <Row
                  key={version.version}
                  version={version}
                  before={versions[index + 1]}
                  isShown={version.version === subject.version}
                />
              ))}
            </DataTable>
          </Card>
        );
      }}
    </Answer>
  );
}

const isEarlier = ({ status, isCurrent }: VersionFragment) => status !== 'DRAFT' && !isCurrent;

function Row(props: {
  version: VersionFragment;
  before: VersionFragment | undefined;
  /** Whether the page is about this version, and has its actions at the top. */
  isShown: boolean;
}) {
  const { version, before, isShown } = props;
  const paths = usePaths();
  const { id, version: number, status, isCurrent, subscriberCount } = version;
  return (
    <Table.Tr>
      <Table.Td>
        <Group gap="xs" wrap="nowrap">
          <Anchor component={Link} to={isCurrent ? paths.package(id) : paths.packageVersion(id, number)}>
            {formatNumber(number)}
          </Anchor>
          {(isCurrent || status === 'DRAFT') && (
            <State {...(status === 'PUBLISHED' && { tone: 'good' })}>
              {status === 'DRAFT' ? 'Draft' : 'Current'}
            </State>
          )}
        </Group>
      </Table.Td>
      <Table.Td>
        <Differences version={version} before={before} />
      </Table.Td>
      <Table.Td ta="right">{formatNumber(subscriberCount)}</Table.Td>
      <Table.Td>
        {status === 'DRAFT' && !isShown && (
          <Group gap={4} justify="end" wrap="nowrap">
            <ActionLink to={paths.editPackage(id)} variant="subtle" size="compact-sm">
              Edit
            </ActionLink>
            <DeleteDraftButton subject={version} />
            <PublishButton subject={version} button={{ variant: 'default', size: 'compact-sm' }} />
          </Group>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

/** What differs from the version before, in phrases. */
export function Differences({
  version,
  before,
}: {
  version: VersionFragment;
  before: VersionFragment | undefined;
}) {
  if (before === undefined)
    return (
      <Text size="sm" c="dimmed">
        The first version
      </Text>
    );
  const phrases = differencesOf(version, before);
  if (phrases.length === 0)
    return (
      <Text size="sm" c="dimmed">
        Nothing
      </Text>
    );
  return (
    <List size="sm" listStyleType="none" withPadding={false}>
      {phrases.map((phrase) => (
        <List.Item key={phrase}>{phrase}</List.Item>
      ))}
    </List>
  );
}
