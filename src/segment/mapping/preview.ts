import { maxPrecision } from '../../amount.ts';
import type { Db } from '../../database/client.ts';
import { type MappingRule, mapBy } from './rules.ts';
import { findCandidates } from './store.ts';

/** Which stored events a rule would match. */
export interface Preview {
  matched: number;
  /** How many more match, but have no usable delta. */
  unusable: number;
  examined: number;
  /** Whether all unmatched events that may match were examined. */
  complete: boolean;
  /** The message ids of the latest matching events. */
  sampleIds: string[];
}

/** Enough to show the effect of a rule, and quick enough to run while a user types. */
export const maxExamined = 2_000;
const maxSample = 5;

/** Applies a rule to the latest unmatched events without saving anything, as the backfill would. */
export async function previewRule(
  db: Db,
  environmentId: string,
  rule: Omit<MappingRule, 'id' | 'precision'>,
): Promise<Preview> {
  const where = { environmentId_id: { environmentId, id: rule.featureId } };
  const feature = await db.feature.findUnique({ where, select: { precision: true } });
  const precision = feature?.precision ?? maxPrecision;
  const events = await findCandidates(db, environmentId, rule, maxExamined + 1);
  const examined = events.slice(0, maxExamined).filter(({ isWithin }) => isWithin);
  const mappings = examined.map((event) => mapBy({ id: '', precision, ...rule }, event));
  const matched = examined.filter((_event, index) => 'delta' in (mappings[index] ?? {}));
  return {
    matched: matched.length,
    unusable: mappings.filter((mapping) => 'unusableFor' in (mapping ?? {})).length,
    examined: examined.length,
    complete: examined.length === events.length,
    sampleIds: matched.slice(0, maxSample).map(({ messageId }) => messageId),
  };
}
