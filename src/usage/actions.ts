import type { Pool } from 'pg';
import { createLane } from '../database/lane.ts';
import { createMeters } from '../telemetry/meters.ts';
import { recordLocked } from './locked-actions.ts';
import type { Recorded, Usage } from './rules.ts';
import { type Addition, appendUsage, askAgain } from './store.ts';

const maxAttempts = 20;

/**
 * Records usages, and answers one result per usage, in order; an Error in a result's place is that usage's
 * alone. What it calls recorded is committed to disk.
 */
export type RecordUsage = (
  usages: readonly Usage[],
  options: { withStanding: boolean },
) => Promise<(Recorded | Error)[]>;

/**
 * Plain additions of all concurrent callers share one statement. Where the result depends on what is there
 * already (SET, enforce), the whole list is decided item by item, in order, with its users locked.
 */
export function createUsageRecorder(hot: Pool, meters = createMeters()): RecordUsage {
  const append = createLane<Addition, Recorded | typeof askAgain>(
    { connections: 2, maxItems: 1_000, meter: meters.lane('record') },
    (items) => appendUsage(hot, items),
  );
  const decide = createLane<readonly Usage[], (Recorded | Error)[]>(
    { connections: 1, maxItems: 100, meter: meters.lane('decide') },
    (lists) => recordLocked(hot, lists),
  );
  return async (usages, { withStanding }) => {
    if (usages.some(needsDecision)) return decide(usages);
    return Promise.all(usages.map((usage) => settled(() => append({ usage, withStanding }))));
  };
}

const needsDecision = (usage: Usage) => usage.action === 'SET' || usage.enforce;

async function settled(attempt: () => Promise<Recorded | typeof askAgain>): Promise<Recorded | Error> {
  for (let attempts = 0; attempts < maxAttempts; attempts += 1) {
    const result = await attempt().catch((error: Error) => error);
    if (result !== askAgain) return result;
  }
  throw new Error(`usage met a concurrent change of its user ${maxAttempts} times in a row`);
}
