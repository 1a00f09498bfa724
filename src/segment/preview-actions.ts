import type { Db } from '../database/client.ts';
import { matches, type Terms } from './rules.ts';

/** What a rule would claim of the stored events. */
export interface Preview {
  matched: number;
  examined: number;
  /** Whether all unmatched events that can match were examined. */
  complete: boolean;
  /** The message ids of the latest that it would claim. */
  sampleIds: string[];
}

/** How many events are looked at: enough to see what a rule does, while somebody is typing it. */
const maxExamined = 2_000;
const maxSample = 5;

/** Tries a rule on the latest unmatched events, by the same rule of matching that the backfill follows. */
export async function previewRule(db: Db, environmentId: string, rule: Terms): Promise<Preview> {
  const byName = rule.eventName === null ? {} : { eventName: rule.eventName };
  const events = await db.segmentEvent.findMany({
    where: { environmentId, outcome: 'UNMATCHED', ...byName },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: maxExamined + 1,
    select: { id: true, eventName: true, payload: true },
  });
  const examined = events.slice(0, maxExamined);
  const claimed = examined.filter(({ eventName, payload }) =>
    matches(rule, { eventName: eventName ?? '', properties: propertiesOf(payload) }),
  );
  return {
    matched: claimed.length,
    examined: examined.length,
    complete: events.length <= maxExamined,
    sampleIds: claimed.slice(0, maxSample).map(({ id }) => id),
  };
}

const propertiesOf = (payload: unknown): unknown =>
  typeof payload === 'object' && payload !== null && 'properties' in payload ? payload.properties : undefined;
