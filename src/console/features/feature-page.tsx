import { Anchor, Stack, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { Link, useParams } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { FeatureDocument, type FeatureQuery } from '../generated/operations.ts';
import { formatGrant } from '../packages/grant.ts';
import { StatusBadge } from '../packages/status-badge.tsx';
import { Answer } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Columns } from '../parts/columns.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { formatCount } from '../parts/numbers.ts';
import { PageHead } from '../parts/page-head.tsx';
import { DataTable } from '../parts/table.tsx';
import { SpanChoice } from '../usage/span-choice.tsx';
import { usualSpan } from '../usage/spans.ts';
import { UsageIn } from '../usage/usage-over-time.tsx';
import { DeleteFeature, EditFeature } from './feature-dialogs.tsx';
import { LimitUse, WhoUsed } from './feature-use.tsx';
import { TypeBadge } from './type-badge.tsx';

const columns = [
  { label: 'Package' },
  { label: 'Status', wide: true },
  { label: 'Name in package', wide: true },
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
            facts={<About feature={feature} />}
          >
            {feature.packages.length === 0 && <DeleteFeature feature={feature} />}
            <EditFeature feature={feature} />
          </PageHead>
          <Stack gap="xl">
            {feature.type === 'CONSUMABLE' && <Use feature={feature} />}
            <WhereUsed feature={feature} />
          </Stack>
        </>
      )}
    </Answer>
  );
}

/** How much of it is used, by whom, in one time for all; and how far limits are used up. */
function Use({ feature }: { feature: FeatureQuery['feature'] }) {
  const [span, setSpan] = useState(usualSpan);
  return (
    <Columns aside={<LimitUse feature={feature} />}>
      <Card title="Usage by all users" isMain action={<SpanChoice value={span} onChange={setSpan} />}>
        <UsageIn featureId={feature.id} units={feature.unitLabelPlural} span={span} />
      </Card>
      <WhoUsed feature={feature} span={span} />
    </Columns>
  );
}

/** What it is, in a line: the id, how it is counted, and its history. */
function About({ feature }: { feature: FeatureQuery['feature'] }) {
  const paths = usePaths();
  const { id, type, unitLabel, unitLabelPlural, precision } = feature;
  return (
    <>
      <Copyable text={id} />
      {type === 'CONSUMABLE' && (
        <span>
          Counted in {unitLabelPlural ?? 'units'}
          {unitLabel !== null && unitLabel !== unitLabelPlural && ` (one ${unitLabel})`},{' '}
          {precision === 0 ? 'whole ones' : `with up to ${formatCount(precision, 'digit')} after the point`}
        </span>
      )}
      <Anchor component={Link} to={paths.history('FEATURE', id)}>
        Change history
      </Anchor>
    </>
  );
}

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
