import { ActionIcon, Anchor, Group, NumberInput, Paper, Select, Stack, Switch, Text } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router';
import { TypeBadge } from '../features/type-badge.tsx';
import { usePaths } from '../frame/paths.ts';
import type { PackagePartsQuery } from '../generated/operations.ts';
import { AmountInput } from '../parts/amount-input.tsx';
import { choicesOf } from '../parts/ids.ts';
import { readNumber } from '../parts/numbers.ts';
import { maxResetEvery, periodChoices, readPeriod } from '../parts/periods.ts';
import { readAmounts, readPercents } from './alert-points.ts';
import { type DraftGrant, newGrant } from './draft.ts';
import { NumbersInput } from './numbers-input.tsx';

/** The features of a draft with their limits, and a field to add more. */
export function GrantList(props: {
  grants: readonly DraftGrant[];
  features: PackagePartsQuery['features'];
  onChange: (grants: DraftGrant[]) => void;
}) {
  const { grants, features, onChange } = props;
  const paths = usePaths();
  const addable = features.filter(({ id }) => !grants.some((grant) => grant.id === id));
  return (
    <Stack>
      {grants.length === 0 && features.length > 0 && (
        <Text c="dimmed">No features yet. Add the first one.</Text>
      )}
      {features.length === 0 && (
        <Text c="dimmed">
          There are no features yet.{' '}
          <Anchor component={Link} to={paths.features} underline="always">
            Create feature
          </Anchor>{' '}
          first; this package can be saved as a draft meanwhile.
        </Text>
      )}
      {grants.map((grant) => (
        <GrantFields
          key={grant.id}
          grant={grant}
          precision={features.find(({ id }) => id === grant.id)?.precision ?? 0}
          onChange={(changed) => onChange(grants.map((each) => (each === grant ? changed : each)))}
          onRemove={() => onChange(grants.filter((each) => each !== grant))}
        />
      ))}
      <Select
        // A new key remounts the select, so that no choice remains.
        key={grants.length}
        aria-label="Add a feature"
        placeholder={features.length === 0 ? 'There are no features yet' : 'Add a feature …'}
        disabled={addable.length === 0}
        data={choicesOf(addable)}
        searchable
        maw={360}
        onChange={(id) => {
          const feature = features.find((each) => each.id === id);
          if (feature !== undefined) onChange([...grants, newGrant(feature)]);
        }}
      />
    </Stack>
  );
}

interface FieldsProps {
  grant: DraftGrant;
  /** How many digits after the decimal point its limit may have. */
  precision: number;
  onChange: (grant: DraftGrant) => void;
}

function GrantFields({ onRemove, ...fields }: FieldsProps & { onRemove: () => void }) {
  const { grant } = fields;
  return (
    <Paper withBorder p="sm" role="group" aria-label={grant.name}>
      <Group justify="space-between" mb={grant.type === 'CONSUMABLE' ? 'xs' : 0} wrap="nowrap">
        <Group gap="xs">
          <Text fw={500}>{grant.name}</Text>
          <TypeBadge type={grant.type} />
        </Group>
        <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${grant.name}`} onClick={onRemove}>
          <IconTrash size={16} />
        </ActionIcon>
      </Group>
      {grant.type === 'CONSUMABLE' && <Allowance {...fields} />}
    </Paper>
  );
}

function Allowance({ grant, precision, onChange }: FieldsProps) {
  const unlimited = grant.limit === null;
  return (
    <Stack gap="sm">
      <Group align="end">
        <AmountInput
          label="Limit"
          w={180}
          value={grant.limit ?? ''}
          placeholder={unlimited ? 'Unlimited' : 'How much'}
          disabled={unlimited}
          required={!unlimited}
          onChange={(limit) => onChange({ ...grant, limit })}
          precision={precision}
        />
        <Group gap="md" mih={36}>
          <Switch
            label="Set to unlimited"
            checked={unlimited}
            onChange={(event) =>
              onChange(
                event.currentTarget.checked
                  ? { ...grant, limit: null, overageEnabled: false }
                  : { ...grant, limit: '', resetPeriod: grant.resetPeriod ?? 'MONTH' },
              )
            }
          />
          <Switch
            label="Allow usage above the limit (overage)"
            checked={grant.overageEnabled}
            disabled={unlimited}
            onChange={(event) => onChange({ ...grant, overageEnabled: event.currentTarget.checked })}
          />
        </Group>
      </Group>
      <Group align="end">
        <ResetFields grant={grant} onChange={onChange} />
      </Group>
      <Told grant={grant} precision={precision} onChange={onChange} />
    </Stack>
  );
}

/** At what webhooks are told. Few packages need it: it is closed until it is asked for, or says something. */
function Told({ grant, precision, onChange }: FieldsProps) {
  const unlimited = grant.limit === null;
  const [{ alertAt, alertAtAmount, alertOnReset }] = useState(grant);
  const isUsed = alertAt.length > 0 || alertAtAmount.length > 0 || alertOnReset;
  return (
    <details className="more" open={isUsed}>
      <summary>Tell webhooks</summary>
      <Stack gap="sm" pt="xs">
        <Group align="start">
          {!unlimited && (
            <NumbersInput
              label="Tell webhooks at % of the limit"
              description="100 is the whole limit"
              placeholder="80, 100"
              w={280}
              values={grant.alertAt}
              read={readPercents}
              onChange={(alertAt) => onChange({ ...grant, alertAt })}
            />
          )}
          <NumbersInput
            label="Tell webhooks at a usage of"
            description="In units of the feature"
            placeholder="500, 1000"
            w={240}
            values={grant.alertAtAmount}
            read={(typed) => readAmounts(typed, precision)}
            onChange={(alertAtAmount) => onChange({ ...grant, alertAtAmount })}
          />
        </Group>
        <Switch
          label="Tell webhooks when usage resets"
          checked={grant.alertOnReset}
          disabled={grant.resetPeriod === null}
          onChange={(event) => onChange({ ...grant, alertOnReset: event.currentTarget.checked })}
        />
      </Stack>
    </details>
  );
}

/** When usage resets: the period, how many of them, and from where they are counted. */
function ResetFields({ grant, onChange }: { grant: DraftGrant; onChange: (grant: DraftGrant) => void }) {
  const choices = periodChoices(grant.resetEvery);
  return (
    <>
      <Select
        label="Resets"
        description="The usage is 0 again"
        w={180}
        data={grant.limit === null ? [...choices, { value: 'NEVER', label: 'Never' }] : choices}
        value={grant.resetPeriod ?? 'NEVER'}
        allowDeselect={false}
        onChange={(value) => onChange({ ...grant, resetPeriod: readPeriod(value) })}
      />
      {grant.resetPeriod !== null && (
        <>
          <NumberInput
            label="Periods"
            description="Every how many"
            w={120}
            value={grant.resetEvery}
            onChange={(value) => onChange({ ...grant, resetEvery: readNumber(value) || 1 })}
            min={1}
            max={maxResetEvery}
            allowDecimal={false}
          />
          <Select
            label="Counted from"
            description={
              grant.resetAnchor === 'CALENDAR'
                ? 'Midnight, Monday or the 1st'
                : 'The start of each subscription'
            }
            w={230}
            data={[
              { value: 'SUBSCRIPTION', label: 'The subscription' },
              { value: 'CALENDAR', label: 'The calendar' },
            ]}
            value={grant.resetAnchor ?? 'SUBSCRIPTION'}
            allowDeselect={false}
            onChange={(value) =>
              onChange({ ...grant, resetAnchor: value === 'CALENDAR' ? 'CALENDAR' : 'SUBSCRIPTION' })
            }
          />
          {grant.resetAnchor === 'CALENDAR' && (
            <Select
              label="Time zone"
              description="When a day begins"
              w={210}
              data={timeZonesWith(grant.timeZone)}
              value={grant.timeZone}
              placeholder="Of the environment"
              searchable
              clearable
              onChange={(timeZone) => onChange({ ...grant, timeZone })}
            />
          )}
        </>
      )}
    </>
  );
}

/** The time zones that the browser knows, and the one that is stored. */
const timeZonesWith = (stored: string | null) =>
  [...new Set(['UTC', ...Intl.supportedValuesOf('timeZone'), ...(stored === null ? [] : [stored])])].filter(
    (name) => name === 'UTC' || name.includes('/'),
  );
