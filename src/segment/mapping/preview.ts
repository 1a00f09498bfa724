import type { Db } from '../../database/client.ts';
import { findCandidates } from './preview-store.ts';
import { claimBy, type Terms } from './rules.ts';

/** What a rule would claim of the stored events. */
export interface Preview {
  matched: number;
  /** How many match besides, whose delta the rule cannot use. */
  unusable: number;
  examined: number;
  /** Whether all unmatched events that can match were examined. */
  complete: boolean;
  /** The message ids of the latest that it would claim. */
  sampleIds: string[];
}

/** How many events are looked at: enough to see what a rule does, while somebody is typing it. */
export const maxExamined = 2_000;
const maxSample = 5;

/** Tries a rule on the latest unmatched events, by the same rule of matching that the backfill follows. */
export async function previewRule(db: Db, environmentId: string, rule: Terms): Promise<Preview> {
  const events = await findCandidates(db, environmentId, rule, maxExamined + 1);
  const examined = events.slice(0, maxExamined).filter(({ isWithin }) => isWithin);
  const claims = examined.map((event) => claimBy({ id: '', featureId: '', ...rule }, event));
  const claimed = examined.filter((_event, index) => 'delta' in (claims[index] ?? {}));
  return {
    matched: claimed.length,
    unusable: claims.filter((claim) => 'unusableFor' in (claim ?? {})).length,
    examined: examined.length,
    complete: examined.length === events.length,
    sampleIds: claimed.slice(0, maxSample).map(({ messageId }) => messageId),
  };
}
