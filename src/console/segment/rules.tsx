import { Anchor, Group, Table, Text } from '@mantine/core';
import { Link } from 'react-router';
import { useChange } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { DeleteMappingRuleDocument, type RuleFragment } from '../generated/operations.ts';
import { Card } from '../parts/card.tsx';
import { DialogButton } from '../parts/dialog.tsx';
import { formatCount, formatNumber } from '../parts/numbers.ts';
import { DataTable } from '../parts/table.tsx';
import { RuleButton } from './rule-dialog.tsx';

const columns = [
  { label: 'Rule' },
  { label: 'Matches', wide: true },
  { label: 'Feature' },
  { label: 'Stored events', wide: true },
  { label: 'Actions', hidden: true },
];

const blank = { name: '', featureId: '', eventName: '', conditions: [] };

export function Rules({ rules }: { rules: readonly RuleFragment[] }) {
  const paths = usePaths();
  return (
    <Card title="Mapping rules" action={<RuleButton label="New rule" start={blank} />}>
      {rules.length === 0 ? (
        <Text c="dimmed">
          None. A rule says which events are usage of which feature. Events that name a featureId themselves
          need none.
        </Text>
      ) : (
        <DataTable label="Mapping rules" columns={columns}>
          {rules.map((rule) => (
            <Table.Tr key={rule.id}>
              <Table.Td>
                {rule.name}
                <Text size="xs" c="dimmed" hiddenFrom="sm">
                  {describe(rule)}
                </Text>
              </Table.Td>
              <Table.Td>{describe(rule)}</Table.Td>
              <Table.Td style={{ whiteSpace: 'nowrap' }}>
                <Anchor component={Link} to={paths.feature(rule.feature.id)}>
                  {rule.feature.name}
                </Anchor>
              </Table.Td>
              <Table.Td style={{ whiteSpace: 'nowrap' }}>{progress(rule.backfill)}</Table.Td>
              <Table.Td>
                <Group gap={4} justify="end" wrap="nowrap">
                  <RuleButton
                    label="Edit"
                    about={rule.name}
                    id={rule.id}
                    start={{ ...rule, eventName: rule.eventName ?? '', featureId: rule.feature.id }}
                  />
                  <DeleteRule rule={rule} />
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
    </Card>
  );
}

const describe = ({ eventName, conditions, deltaPath }: RuleFragment) =>
  [
    ...(eventName === null ? [] : [`called “${eventName}”`]),
    ...conditions.map(({ path, equals }) => `${path} = ${equals}`),
    ...(deltaPath === null ? [] : [`amount: ${deltaPath}`]),
  ].join(' and ');

const progress = ({ state, examined, matched }: RuleFragment['backfill']) =>
  state === 'DONE'
    ? `${formatCount(matched, 'event')} matched`
    : `${formatNumber(matched)} matched, ${formatNumber(examined)} examined so far`;

function DeleteRule({ rule }: { rule: RuleFragment }) {
  const remove = useChange(DeleteMappingRuleDocument);
  return (
    <DialogButton
      label="Delete"
      about={rule.name}
      title={`Delete ${rule.name}?`}
      submit="Delete"
      change={remove}
      danger
      button={{ variant: 'subtle', color: 'gray', size: 'xs' }}
      onSubmit={() => remove.mutateAsync({ id: rule.id })}
    >
      <Text>
        It no longer matches events. Usage that it recorded stays. Events that come from now on are kept: the
        same rule, made again, counts them.
      </Text>
    </DialogButton>
  );
}
