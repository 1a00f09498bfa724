import { Anchor, SimpleGrid, Stack, Table, Text } from '@mantine/core';
import { Link, useParams } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { FeatureDocument, type FeatureQuery } from '../generated/operations.ts';
import { formatGrant } from '../packages/grant.ts';
import { StatusBadge } from '../packages/status-badge.tsx';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { DataTable } from '../parts/table.tsx';
import { UsageOverTime } from '../usage/usage-over-time.tsx';
import { EditFeature } from './feature-dialogs.tsx';
import { FeatureUse } from './feature-use.tsx';
import { TypeBadge } from './type-badge.tsx';

const columns = [
  { label: 'Package' },
  { label: 'Status' },
  { label: 'Name in package' },
  { label: 'Grants' },
];

export function Page() {
  const { id = '' } = useParams();
  const paths = usePaths();
  const answer = useAnswer(FeatureDocument, { id });
  return (
    <Answer of={answer}>
      {({ feature }) => (
        <>
          <PageHead
            title={feature.name}
            back={{ to: paths.features, label: 'Features' }}
            aside={<TypeBadge type={feature.type} />}
          >
            <EditFeature feature={feature} />
          </PageHead>
          <Stack>
            <Facts feature={feature} />
            {feature.type === 'CONSUMABLE' && (
              <Card title="Usage by all users">
                <UsageOverTime featureId={feature.id} units={feature.unitLabelPlural} />
              </Card>
            )}
            {feature.type === 'CONSUMABLE' && <FeatureUse feature={feature} />}
            <WhereUsed feature={feature} />
          </Stack>
        </>
      )}
    </Answer>
  );
}

function Facts({ feature }: { feature: FeatureQuery['feature'] }) {
  const paths = usePaths();
  return (
    <Card title="Details">
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        <Fact label="Id">
          <Copyable text={feature.id} />
          <Anchor component={Link} to={paths.history('FEATURE', feature.id)} size="sm">
            Change history
          </Anchor>
        </Fact>
        {feature.type === 'CONSUMABLE' && (
          <>
            <Fact label="Unit (singular)">{feature.unitLabel ?? '—'}</Fact>
            <Fact label="Unit (plural)">{feature.unitLabelPlural ?? '—'}</Fact>
            <Fact label="Precision">{feature.precision}</Fact>
          </>
        )}
      </SimpleGrid>
    </Card>
  );
}

const Fact = ({ label, children }: { label: string; children: React.ReactNode }) => (
  <div>
    <Text size="sm" c="dimmed">
      {label}
    </Text>
    <Text component="div">{children}</Text>
  </div>
);

function WhereUsed({ feature }: { feature: FeatureQuery['feature'] }) {
  const paths = usePaths();
  return (
    <Card title="Packages">
      {feature.packages.length === 0 ? (
        <Text c="dimmed">
          In no package yet.{' '}
          <Anchor component={Link} to={paths.newPackageWith(feature.id)} underline="always">
            Create package
          </Anchor>
          .
        </Text>
      ) : (
        <DataTable label="Packages with this feature" columns={columns}>
          {feature.packages.map((each) => {
            const grant = each.features.find(({ id }) => id === feature.id);
            return (
              <Table.Tr key={each.id}>
                <Table.Td>
                  <Anchor component={Link} to={paths.package(each.id)}>
                    {each.name}
                  </Anchor>
                </Table.Td>
                <Table.Td>
                  <StatusBadge status={each.status} />
                </Table.Td>
                <Table.Td>{grant?.name}</Table.Td>
                <Table.Td>{grant && formatGrant({ ...grant, type: feature.type })}</Table.Td>
              </Table.Tr>
            );
          })}
        </DataTable>
      )}
    </Card>
  );
}
