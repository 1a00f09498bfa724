import { SegmentedControl, Select, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import { ChoicesDocument, RecordUsageDocument } from '../generated/operations.ts';
import { AmountInput } from '../parts/amount-input.tsx';
import { DialogButton } from '../parts/dialog.tsx';

/** Records usage by hand, for example to correct it. */
export function RecordUsage({ userId }: { userId: string }) {
  const choices = useAnswer(ChoicesDocument, {});
  const [featureId, setFeatureId] = useState<string | null>(null);
  const [delta, setDelta] = useState<number | ''>(1);
  const [action, setAction] = useState<'ADD' | 'SET'>('ADD');
  const [note, setNote] = useState('');
  const record = useChange(RecordUsageDocument);
  const features = choices.data?.features.filter(({ type }) => type === 'CONSUMABLE') ?? [];
  const feature = features.find(({ id }) => id === featureId);
  return (
    <DialogButton
      label="Record usage"
      title="Record usage"
      submit="Record"
      change={record}
      blocked={featureId === null || delta === ''}
      onOpen={() => {
        setFeatureId(null);
        setDelta(1);
        setAction('ADD');
        setNote('');
      }}
      onSubmit={() =>
        record.mutateAsync({
          input: { userId, featureId: featureId ?? '', delta: delta || 0, action, note },
        })
      }
    >
      <Select
        label="Feature"
        placeholder="Choose a consumable feature"
        data={features.map(({ id, name }) => ({ value: id, label: name }))}
        value={featureId}
        onChange={(id) => {
          setFeatureId(id);
          // The other feature may have no decimals.
          if (!Number.isInteger(delta)) setDelta(1);
        }}
        searchable
        required
        data-autofocus
      />
      <SegmentedControl
        aria-label="Action"
        value={action}
        onChange={(value) => setAction(value === 'SET' ? 'SET' : 'ADD')}
        data={[
          { value: 'ADD', label: 'Add' },
          { value: 'SET', label: 'Set to' },
        ]}
      />
      <AmountInput
        label="Amount"
        value={delta}
        onChange={setDelta}
        precision={feature?.precision ?? 0}
        allowNegative={action === 'ADD'}
        required
      />
      <TextInput
        label="Reason"
        description="Kept with the usage and in the audit log, with your name or key."
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
        maxLength={255}
      />
      <Text size="sm" c="dimmed">
        {action === 'ADD'
          ? 'A negative number takes usage back. It is recorded whatever the limit says.'
          : 'Makes the usage of the current period exactly this.'}
      </Text>
    </DialogButton>
  );
}
