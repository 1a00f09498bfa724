import { Group, Input, SegmentedControl, Select, Stack, Switch, Text } from '@mantine/core';
import { useAnswer } from '../api/hooks.ts';
import { ChoicesDocument, PackageDocument } from '../generated/operations.ts';
import { AmountInput } from '../parts/amount-input.tsx';
import { choicesOf } from '../parts/ids.ts';
import { InstantInput } from '../parts/instant-input.tsx';
import { isInPast, type Start } from './start.ts';

/** When a subscription begins, whether with a trial, and what was used elsewhere before. */
export function StartFields(props: {
  start: Start;
  onChange: (start: Start) => void;
  /** The package to begin with; null until it is chosen. */
  packageId: string | null;
  isAddon: boolean;
}) {
  const { start, onChange, packageId, isAddon } = props;
  const set = (change: Partial<Start>) => onChange({ ...start, ...change });
  const isPast = isInPast(start, new Date());
  return (
    <>
      <Stack gap={6}>
        <Input.Label component="div" id="start-label">
          Starts
        </Input.Label>
        <SegmentedControl
          aria-labelledby="start-label"
          data={[
            { value: 'NOW', label: 'Now' },
            { value: 'AT', label: 'At a date' },
          ]}
          value={start.isAtDate ? 'AT' : 'NOW'}
          onChange={(value) => set({ isAtDate: value === 'AT' })}
          fullWidth
        />
        <Text size="sm" c="dimmed">
          {meaningOf(start, isPast)}
        </Text>
        {start.isAtDate && (
          <InstantInput
            label="Start"
            description="In the time zone of this browser. It may be in the past, for people who come from elsewhere."
            value={start.startsAt}
            onChange={(startsAt) => set({ startsAt })}
            required
          />
        )}
      </Stack>
      {isPast && packageId !== null && <UsedBefore packageId={packageId} start={start} onChange={onChange} />}
      <Trial start={start} set={set} packageId={packageId} isAddon={isAddon} />
    </>
  );
}

const meaningOf = ({ isAtDate, startsAt }: Start, isPast: boolean) => {
  if (!isAtDate) return 'It begins now, and its periods are counted from now on.';
  if (startsAt === '') return 'Its periods are counted from its start.';
  return isPast
    ? 'Its periods are counted from its start, and usage that is recorded since then counts.'
    : 'It is scheduled: until then it gives no access.';
};

/** What was used elsewhere, in the period that runs now. */
function UsedBefore(props: { packageId: string; start: Start; onChange: (start: Start) => void }) {
  const { packageId, start, onChange } = props;
  const features = useAnswer(PackageDocument, { id: packageId, version: null }).data?.package.features ?? [];
  const known = useAnswer(ChoicesDocument, {}).data?.features ?? [];
  const counted = features.filter(({ type }) => type === 'CONSUMABLE');
  if (counted.length === 0) return null;
  return (
    <Stack gap="xs" role="group" aria-label="Used elsewhere">
      <Text size="sm">
        What was used elsewhere in the running period is recorded with it. Leave empty what was not used.
      </Text>
      {counted.map(({ id, name }) => (
        <AmountInput
          key={id}
          label={`Used elsewhere: ${name}`}
          value={start.used[id] ?? ''}
          onChange={(amount) => onChange({ ...start, used: { ...start.used, [id]: amount } })}
          precision={known.find((feature) => feature.id === id)?.precision ?? 0}
        />
      ))}
    </Stack>
  );
}

function Trial(props: {
  start: Start;
  set: (change: Partial<Start>) => void;
  packageId: string | null;
  isAddon: boolean;
}) {
  const { start, set, packageId, isAddon } = props;
  const packages = useAnswer(ChoicesDocument, {}).data?.packages ?? [];
  const others = packages.filter((each) => !each.isAddon && each.id !== packageId);
  return (
    <>
      <Group>
        <Switch
          label="Begin with a trial"
          checked={start.isTrial}
          onChange={(event) => set({ isTrial: event.currentTarget.checked })}
        />
      </Group>
      {start.isTrial && (
        <InstantInput
          label="End of the trial"
          value={start.trialEndsAt}
          onChange={(trialEndsAt) => set({ trialEndsAt })}
          withUsualEnds
          required
        />
      )}
      {start.isTrial && !isAddon && (
        <Select
          label="Afterwards"
          placeholder="The same package goes on"
          data={choicesOf(others)}
          value={start.afterTrialPackageId}
          onChange={(afterTrialPackageId) => set({ afterTrialPackageId })}
          searchable
          clearable
          clearButtonProps={{ 'aria-label': 'The same package goes on' }}
        />
      )}
    </>
  );
}
