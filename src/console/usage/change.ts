import { formatNumber } from '../parts/numbers.ts';

/** What a usage did to the count: `+5`, `−5` or `set to 5`. */
export const formatChange = ({ action, delta }: { action: string; delta: number }): string =>
  action === 'SET'
    ? `set to ${formatNumber(delta)}`
    : `${delta < 0 ? '−' : '+'}${formatNumber(Math.abs(delta))}`;
