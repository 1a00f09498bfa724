import { Group, NumberInput, Select, TextInput } from '@mantine/core';
import { readNumber } from '../parts/numbers.ts';
import { toMinorUnits } from '../stripe/price.ts';

/** The amount of a price as it is typed, in the currency's main unit. */
export interface PriceDraft {
  amount: string | number;
  currency: string;
  /** Empty for a price that is paid once. */
  interval: string;
}

export const blankPrice: PriceDraft = { amount: '', currency: 'usd', interval: 'month' };

/** The price as the API takes it. */
export const priceInput = ({ amount, currency, interval }: PriceDraft) => ({
  amount: toMinorUnits(readNumber(amount) || 0, currency),
  currency: currency.toLowerCase(),
  interval: interval || null,
});

const intervals = [
  { value: 'month', label: 'Monthly' },
  { value: 'year', label: 'Yearly' },
  { value: 'week', label: 'Weekly' },
  { value: 'day', label: 'Daily' },
  { value: '', label: 'One-time' },
];

/** The fields of a price: its amount, currency and interval. */
export function PriceFields({
  price,
  set,
}: {
  price: PriceDraft;
  set: (change: Partial<PriceDraft>) => void;
}) {
  return (
    <Group grow align="start">
      <NumberInput
        label="Amount"
        placeholder="50.00"
        value={price.amount}
        onChange={(amount) => set({ amount })}
        min={0}
        decimalScale={3}
        hideControls
        required
      />
      <TextInput
        label="Currency"
        value={price.currency}
        onChange={(event) => set({ currency: event.currentTarget.value })}
        minLength={3}
        maxLength={3}
        required
      />
      <Select
        label="Interval"
        data={intervals}
        value={price.interval}
        allowDeselect={false}
        onChange={(interval) => set({ interval: interval ?? '' })}
      />
    </Group>
  );
}
