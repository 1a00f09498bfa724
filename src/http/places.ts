import { isIPv6 } from 'node:net';
import type { Counter } from 'prom-client';

/** How many requests without valid credentials a process works on at once, and how many of them from one address. */
const defaultMax = 64;
const defaultMaxPerAddress = 16;

/** Places for requests that nobody is known to stand behind: bounded in all and for each remote address. */
export interface Places {
  /** Takes a place; answers how to leave it, or null if there is none. */
  enter(address: string | undefined): (() => void) | null;
}

export function createPlaces(
  refused: Counter,
  max = defaultMax,
  maxPerAddress = defaultMaxPerAddress,
): Places {
  const inside = new Map<string, number>();
  let all = 0;
  return {
    enter(address) {
      const network = networkOf(address ?? '');
      const before = inside.get(network) ?? 0;
      if (all >= max || before >= maxPerAddress) {
        refused.inc();
        return null;
      }
      all += 1;
      inside.set(network, before + 1);
      return () => {
        all -= 1;
        const rest = (inside.get(network) ?? 1) - 1;
        if (rest === 0) inside.delete(network);
        else inside.set(network, rest);
      };
    },
  };
}

/** An IPv6 customer usually has a whole /64 network: its addresses share one count. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = ''] = address.split('::', 1);
  return head.split(':').slice(0, 4).join(':');
}
