import { windowAt } from '../../entitlements/window-rules.ts';
import { type CountingGrant, winnerAt } from '../ledger/rules.ts';

/** How long a window that is over may still be told of: then what was told of it is forgotten. */
export const keptDays = 90;

/** What was told, or is to be told, of a window. */
export interface Alert {
  subscriptionId: bigint;
  windowStart: Date;
  /** Whether the end of the window is to be told. */
  tellsEnd: boolean;
  createdAt: Date;
  dueAt: Date;
}

/** What becomes of an alert that is due. */
export type Next =
  | { kind: 'WAIT'; until: Date }
  /** The window ended at `endedAt`, and the next one began. */
  | { kind: 'TELL'; endedAt: Date; limit: bigint | null; until: Date }
  | { kind: 'FORGET' };

const afterDays = (instant: Date) => new Date(instant.getTime() + keptDays * 86_400_000);

/**
 * The end of a window is told if its usage was recorded before it, and if the holding limits the user then. After that,
 * and of other alerts, only the time is kept at which they are forgotten.
 *
 * @param grants what the user holds of the feature, or has held since the start of the window
 */
export function nextOf(alert: Alert, grants: readonly CountingGrant[], now: Date): Next {
  const grant = grants.find(({ subscriptionId }) => subscriptionId === alert.subscriptionId);
  if (grant === undefined) return { kind: 'FORGET' };
  const { end } = windowAt(grant, alert.windowStart);
  const isOpen = end !== null && alert.tellsEnd && alert.createdAt < end && alert.dueAt <= end;
  if (isOpen && end > now) return { kind: 'WAIT', until: end };
  const overAt = earlier(end, grant.endedAt);
  const until = afterDays(overAt ?? now);
  if (isOpen && winnerAt(grants, end)?.grant === grant)
    return { kind: 'TELL', endedAt: end, limit: grant.limit, until };
  return until > now ? { kind: 'WAIT', until } : { kind: 'FORGET' };
}

function earlier(one: Date | null, other: Date | null): Date | null {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
}
