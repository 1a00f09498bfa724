import { Alert, NumberInput, Select, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import { useRepeatKey } from '../api/repeat-key.ts';
import { ChoicesDocument, ReserveUsageDocument } from '../generated/operations.ts';
import { AmountInput } from '../parts/amount-input.tsx';
import { FormDialog } from '../parts/dialog.tsx';
import { choicesOf } from '../parts/ids.ts';
import { readNumber } from '../parts/numbers.ts';
import type { Opened } from '../parts/opener.tsx';

const maxMinutes = 1_440;

/** Holds an amount of a feature until it is committed, released or lapses. */
export function Hold(props: Opened & { userId: string; onHeld: () => void }) {
  const { opened, onClose, userId, onHeld } = props;
  const choices = useAnswer(ChoicesDocument, {});
  const features = choices.data?.features.filter(({ type }) => type === 'CONSUMABLE') ?? [];
  const [featureId, setFeatureId] = useState<string | null>(null);
  const feature = features.find(({ id }) => id === featureId);
  const [amount, setAmount] = useState<number | ''>('');
  const [minutes, setMinutes] = useState<number | ''>(5);
  const reserve = useChange(ReserveUsageDocument);
  const keyFor = useRepeatKey();
  const refusal = reserve.data?.reserveUsage.reason;
  return (
    <FormDialog
      opened={opened}
      onClose={onClose}
      title="Hold an amount"
      submit="Hold"
      change={reserve}
      blocked={feature === undefined}
      onSubmit={async () => {
        const input = {
          userId,
          featureId: featureId ?? '',
          amount: amount || 0,
          ttlSeconds: (minutes || 5) * 60,
        };
        const { reserveUsage } = await reserve.mutateAsync({
          input: { ...input, idempotencyKey: keyFor(input) },
        });
        if (!reserveUsage.reserved) throw new Error('refused');
        onHeld();
      }}
    >
      <Text size="sm" c="dimmed">
        It counts as used for checks, but is not recorded. Afterwards commit what was really used, or release
        it.
      </Text>
      <Select
        label="Feature"
        placeholder="Choose a consumable feature"
        data={choicesOf(features)}
        value={featureId}
        onChange={(id) => {
          setFeatureId(id);
          setAmount('');
        }}
        searchable
        required
        data-autofocus
      />
      <AmountInput
        label="Amount"
        value={amount}
        onChange={setAmount}
        precision={feature?.precision ?? 0}
        required
      />
      <NumberInput
        label="Lapses after (minutes)"
        value={minutes}
        onChange={(value) => setMinutes(readNumber(value))}
        min={1}
        max={maxMinutes}
        allowDecimal={false}
        required
      />
      {refusal && (
        <Alert color="red" role="alert" title="Not held">
          {refusal}
        </Alert>
      )}
    </FormDialog>
  );
}
