import { isIPv6 } from 'node:net';
import type { Counter } from 'prom-client';
import { maxStrangers, maxStrangersPerAddress } from './limits.ts';

/** Limits concurrent requests without valid credentials: in total and for each remote address. */
export interface Slots {
  /** Takes a slot and returns a function that releases it. Null if none is free. */
  acquire(address: string | undefined): (() => void) | null;
}

export function createSlots(
  refused: Counter,
  max = maxStrangers,
  maxPerAddress = maxStrangersPerAddress,
): Slots {
  const inUse = new Map<string, number>();
  let total = 0;
  return {
    acquire(address) {
      const network = networkOf(address ?? '');
      const before = inUse.get(network) ?? 0;
      if (total >= max || before >= maxPerAddress) {
        refused.inc();
        return null;
      }
      total += 1;
      inUse.set(network, before + 1);
      return () => {
        total -= 1;
        const rest = (inUse.get(network) ?? 1) - 1;
        if (rest === 0) inUse.delete(network);
        else inUse.set(network, rest);
      };
    },
  };
}

/** One IPv6 customer usually has a whole /64 network, so its addresses share one count. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = ''] = address.split('::', 1);
  return head.split(':').slice(0, 4).join(':');
}
