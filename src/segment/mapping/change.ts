import type { z } from 'zod';
import { audited, type Change } from '../../audit/record.ts';
import type { Author } from '../../audit/rules.ts';
import type { Db } from '../../database/client.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { mappingRuleNotFound } from '../../errors.ts';
import { requireFeature } from '../../features/store.ts';
import { enqueueBackfill } from '../jobs.ts';
import { lockIn, rules } from '../lock-store.ts';
import { checkTarget, type NewMappingRule } from './rules.ts';

type RuleFields = z.output<typeof NewMappingRule>;

/** Makes the backfill begin with the first stored event. */
const fromTheBeginning = {
  backfill: 'PENDING',
  examinedAt: null,
  examinedId: null,
  examined: 0,
  matched: 0,
} as const;

/**
 * Creates a rule. It maps new events from now on, and stored ones in the background.
 *
 * @returns its id
 * @throws FeatureNotFoundError, and ValidationError for a BINARY feature
 */
export function createRule(prisma: PrismaClient, author: Author, rule: RuleFields): Promise<string> {
  const { environmentId } = author;
  return changeRules(prisma, author, change('createMappingRule'), async (tx) => {
    checkTarget((await requireFeature(tx, environmentId, rule.featureId)).type);
    const { id } = await tx.mappingRule.create({ data: { ...rule, environmentId } });
    await enqueueBackfill(tx, environmentId);
    return id;
  });
}

/**
 * Replaces the fields of a rule, and applies it to stored events again. Recorded usage stays.
 *
 * @throws MappingRuleNotFoundError, FeatureNotFoundError, and ValidationError for a BINARY feature
 */
export function updateRule(
  prisma: PrismaClient,
  author: Author,
  id: string,
  rule: RuleFields,
): Promise<string> {
  const { environmentId } = author;
  return changeRules(prisma, author, change('updateMappingRule', id), async (tx) => {
    checkTarget((await requireFeature(tx, environmentId, rule.featureId)).type);
    const { count } = await tx.mappingRule.updateMany({
      where: { environmentId, id },
      data: { ...rule, ...fromTheBeginning },
    });
    if (count === 0) throw mappingRuleNotFound(id);
    await enqueueBackfill(tx, environmentId);
    return id;
  });
}

/** Deletes a rule. Recorded usage stays. @throws MappingRuleNotFoundError */
export function deleteRule(prisma: PrismaClient, author: Author, id: string): Promise<string> {
  return changeRules(prisma, author, change('deleteMappingRule', id), async (tx) => {
    const { environmentId } = author;
    const { count } = await tx.mappingRule.deleteMany({ where: { environmentId, id } });
    if (count === 0) throw mappingRuleNotFound(id);
    return id;
  });
}

/**
 * Changes rules while no event is being processed. The backfill finds events that were committed as unmatched before;
 * events that are processed later see the change.
 */
function changeRules(
  prisma: PrismaClient,
  author: Author,
  what: Change,
  work: (tx: Db) => Promise<string>,
): Promise<string> {
  return prisma.$transaction(async (tx) => {
    await lockIn(tx, [rules(author.environmentId)]);
    return audited(
      tx,
      author,
      what,
      () => work(tx),
      (id) => [id],
    );
  });
}

const change = (action: string, id?: string): Change => ({
  action,
  type: 'MAPPING_RULE',
  handles: id === undefined ? [] : [id],
});
