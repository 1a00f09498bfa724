import { Alert, Anchor, Badge, Group, Stack, Table, Text } from '@mantine/core';
import { lazy } from 'react';
import { Link, useParams, useSearchParams } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { PackageDocument, type PackageQuery } from '../generated/operations.ts';
import { ActionLink } from '../parts/action-button.tsx';
import { ActionMenu } from '../parts/action-menu.tsx';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Columns } from '../parts/columns.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Later } from '../parts/later.tsx';
import { Moment } from '../parts/moment.tsx';
import { OpenButton, type Opened } from '../parts/opener.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Needs } from '../parts/permission.tsx';
import { DataTable } from '../parts/table.tsx';
import { PackageBilling } from '../stripe/package-billing.tsx';
import { DeleteDraftButton, PublishButton } from './draft-buttons.tsx';
import { formatAlerts, formatGrant } from './grant.ts';
import { hasLimitUse, LimitUse } from './limit-use.tsx';
import { formatPrice } from './price.ts';
import { Prices } from './prices.tsx';
import { StatusBadge } from './status-badge.tsx';
import { Subscribers } from './subscribers.tsx';
import { Versions } from './versions.tsx';

const SubscribeUser = lazy(() =>
  import('./subscribe-user.tsx').then(({ SubscribeUser }) => ({ default: SubscribeUser })),
);
const Archive = lazy(() => import('./lifecycle.tsx').then(({ Archive }) => ({ default: Archive })));
const Duplicate = lazy(() => import('./lifecycle.tsx').then(({ Duplicate }) => ({ default: Duplicate })));
const Rename = lazy(() => import('./lifecycle.tsx').then(({ Rename }) => ({ default: Rename })));
const Unpublish = lazy(() => import('./lifecycle.tsx').then(({ Unpublish }) => ({ default: Unpublish })));

export type Subject = PackageQuery['package'];

/** The current version of a package, or the one that the URL names. */
export function Page() {
  const { id = '' } = useParams();
  const [search] = useSearchParams();
  const paths = usePaths();
  const version = readVersion(search.get('version'));
  const answer = useAnswer(PackageDocument, { id, version });
  return (
    <Answer of={answer}>
      {({ package: subject }) => (
        <>
          <PageHead
            title={subject.name}
            back={{ to: paths.packages, label: 'Packages' }}
            aside={
              <>
                <StatusBadge status={subject.status} />
                <Badge variant="default">Version {subject.version}</Badge>
                <Badge variant="default">{subject.isAddon ? 'Add-on' : 'Base package'}</Badge>
              </>
            }
            facts={
              <>
                <Copyable text={subject.id} />
                {subject.prices.length > 0 && <span>{subject.prices.map(formatPrice).join(' · ')}</span>}
                <span>
                  Changed <Moment at={subject.updatedAt} />
                </span>
                <Anchor component={Link} to={paths.history('PACKAGE', id)}>
                  Change history
                </Anchor>
              </>
            }
          >
            <Actions subject={subject} />
          </PageHead>
          <Stack gap="xl">
            {!subject.isCurrent && <OtherVersion subject={subject} />}
            {hasLimitUse(subject) ? (
              <Columns aside={<LimitUse subject={subject} />}>
                <Features subject={subject} />
                <Versions subject={subject} />
              </Columns>
            ) : (
              <>
                <Features subject={subject} />
                <Versions subject={subject} />
              </>
            )}
            <Later>
              {subject.isCurrent && <Subscribers subject={subject} />}
              <Relations subject={subject} />
              <Prices subject={subject} />
              {subject.isCurrent && (
                <Needs value="admin">
                  <PackageBilling subject={subject} />
                </Needs>
              )}
            </Later>
          </Stack>
        </>
      )}
    </Answer>
  );
}

const readVersion = (text: string | null): number | null =>
  text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null;

/** What can be done with the version that is shown: the draft, the current one, or an earlier one. */
function Actions({ subject }: { subject: Subject }) {
  const paths = usePaths();
  const more = <ActionMenu actions={actionsOf(subject)} />;
  if (subject.status === 'DRAFT')
    return (
      <>
        <ActionLink to={paths.editPackage(subject.id)} variant="default">
          Edit
        </ActionLink>
        <DeleteDraftButton subject={subject} button={{ variant: 'default' }} />
        {subject.isCurrent && more}
        <PublishButton subject={subject} />
      </>
    );
  if (!subject.isCurrent) return null;
  const isPublished = subject.status === 'PUBLISHED';
  return (
    <>
      {isPublished && <NextVersion subject={subject} />}
      {more}
      {isPublished && (
        <OpenButton
          label="Subscribe a user"
          dialog={(given) => <SubscribeUser {...given} subject={subject} />}
        />
      )}
    </>
  );
}

function NextVersion({ subject }: { subject: Subject }) {
  const paths = usePaths();
  return (
    <ActionLink to={paths.editPackage(subject.id)} variant="default">
      {subject.draft === null ? 'Create next version' : `Edit version ${subject.draft.version}`}
    </ActionLink>
  );
}

const actionsOf = (subject: Subject) => [
  { label: 'Rename', dialog: (given: Opened) => <Rename {...given} subject={subject} /> },
  { label: 'Duplicate', dialog: (given: Opened) => <Duplicate {...given} subject={subject} /> },
  ...(mayUnpublish(subject)
    ? [{ label: 'Back to draft', dialog: (given: Opened) => <Unpublish {...given} subject={subject} /> }]
    : []),
  ...(subject.status === 'ARCHIVED'
    ? []
    : [{ label: 'Archive', dialog: (given: Opened) => <Archive {...given} subject={subject} /> }]),
];

/** Whether it may be that nobody ever subscribed to the current version: the server knows. */
const mayUnpublish = ({ status, draft, version, subscriberCount }: Subject) =>
  status === 'PUBLISHED' && draft === null && (version > 1 || subscriberCount === 0);

function OtherVersion({ subject }: { subject: Subject }) {
  const paths = usePaths();
  return (
    <Alert color="gray">
      {subject.status === 'DRAFT'
        ? 'This is the draft of the next version. Subscribers keep theirs until you move them. '
        : `This is an earlier version. ${subject.subscriberCount} of its subscribers hold it still. `}
      <Anchor component={Link} to={paths.package(subject.id)} underline="always">
        Current version
      </Anchor>
    </Alert>
  );
}

const featureColumns = [{ label: 'Feature' }, { label: 'Id', wide: true }, { label: 'Grants' }];

function Features({ subject }: { subject: Subject }) {
  const paths = usePaths();
  return (
    <Card title="Features" isMain>
      {subject.features.length === 0 ? (
        <Text c="dimmed">Nothing yet. It can be published once it has a feature.</Text>
      ) : (
        <DataTable label="Features" columns={featureColumns}>
          {subject.features.map((feature) => (
            <Table.Tr key={feature.id}>
              <Table.Td>
                <Anchor component={Link} to={paths.feature(feature.id)}>
                  {feature.name}
                </Anchor>
              </Table.Td>
              <Table.Td>
                <Copyable text={feature.id} />
              </Table.Td>
              <Table.Td>
                {formatGrant(feature)}
                {formatAlerts(feature) !== '' && (
                  <Text size="sm" c="dimmed">
                    Webhooks are told at {formatAlerts(feature)}
                  </Text>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
    </Card>
  );
}

function Relations({ subject }: { subject: Subject }) {
  const paths = usePaths();
  const related = subject.isAddon ? subject.basePackages : subject.addons;
  const none = subject.isAddon
    ? 'Open to the subscribers of every base package.'
    : 'No add-on is for this package alone. Add-ons without a base package of their own are open to it too.';
  return (
    <Card title={subject.isAddon ? 'Base packages' : 'Add-ons'}>
      {related.length === 0 ? (
        <Text c="dimmed">{none}</Text>
      ) : (
        <Group>
          {related.map(({ id, name }) => (
            <Anchor key={id} component={Link} to={paths.package(id)}>
              {name}
            </Anchor>
          ))}
        </Group>
      )}
    </Card>
  );
}
