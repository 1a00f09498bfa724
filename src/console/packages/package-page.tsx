import { Anchor, Badge, Button, Group, Stack, Table, Text } from '@mantine/core';
import { lazy } from 'react';
import { Link, useParams } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { PackageDocument, type PackageQuery } from '../generated/operations.ts';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Moment } from '../parts/moment.tsx';
import { OpenButton } from '../parts/opener.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { DataTable } from '../parts/table.tsx';
import { formatGrant } from './grant.ts';
import { ArchiveButton, PublishButton } from './lifecycle.tsx';
import { Prices } from './prices.tsx';
import { StatusBadge } from './status-badge.tsx';
import { Subscribers } from './subscribers.tsx';

const SubscribeUser = lazy(() =>
  import('./subscribe-user.tsx').then(({ SubscribeUser }) => ({ default: SubscribeUser })),
);

export type Subject = PackageQuery['package'];

export function Page() {
  const { id = '' } = useParams();
  const paths = usePaths();
  const answer = useAnswer(PackageDocument, { id });
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
                <Badge variant="default" radius="sm" tt="none">
                  {subject.isAddon ? 'Add-on' : 'Base package'}
                </Badge>
              </>
            }
          >
            {subject.status === 'DRAFT' && (
              <Button component={Link} to={paths.editPackage(id)} variant="default">
                Edit
              </Button>
            )}
            {subject.status !== 'ARCHIVED' && <ArchiveButton subject={subject} />}
            {subject.status === 'DRAFT' && <PublishButton subject={subject} />}
            {subject.status === 'PUBLISHED' && (
              <OpenButton
                label="Subscribe a user"
                dialog={(given) => <SubscribeUser {...given} subject={subject} />}
              />
            )}
          </PageHead>
          <Group mb="md" gap="lg">
            <Copyable text={subject.id} />
            <Text size="sm" c="dimmed">
              Changed <Moment at={subject.updatedAt} />
            </Text>
            <Anchor component={Link} to={paths.history('PACKAGE', id)} size="sm">
              Change history
            </Anchor>
          </Group>
          <Stack>
            <Features subject={subject} />
            <Relations subject={subject} />
            <Prices subject={subject} />
            <Subscribers subject={subject} />
          </Stack>
        </>
      )}
    </Answer>
  );
}

function Features({ subject }: { subject: Subject }) {
  const paths = usePaths();
  return (
    <Card title="Features">
      {subject.features.length === 0 ? (
        <Text c="dimmed">Nothing yet. It can be published once it has a feature.</Text>
      ) : (
        <DataTable label="Features" columns={[{ label: 'Feature' }, { label: 'Id' }, { label: 'Grants' }]}>
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
              <Table.Td>{formatGrant(feature)}</Table.Td>
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
