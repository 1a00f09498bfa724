import type { ResetPeriod } from '../generated/operations.ts';

export const periods: { value: ResetPeriod; label: string }[] = [
  { value: 'HOUR', label: 'hour' },
  { value: 'DAY', label: 'day' },
  { value: 'WEEK', label: 'week' },
  { value: 'MONTH', label: 'month' },
  { value: 'QUARTER', label: 'quarter' },
  { value: 'YEAR', label: 'year' },
];

export const maxResetEvery = 1_000;

/** Reset periods to choose from: `Every month`, or `Every 3 months`. */
export const periodChoices = (resetEvery: number) =>
  periods.map(({ value, label }) => ({
    value,
    label: resetEvery > 1 ? `Every ${resetEvery} ${label}s` : `Every ${label}`,
  }));

/** The period of such a choice; null for any other. */
export const readPeriod = (value: string | null): ResetPeriod | null =>
  periods.find((each) => each.value === value)?.value ?? null;
