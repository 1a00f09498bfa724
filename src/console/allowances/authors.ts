import { useAnswer } from '../api/hooks.ts';
import { type AuditSubject, AuthorsDocument, type AuthorsQuery } from '../generated/operations.ts';

type Entry = AuthorsQuery['auditLog'][number];

/** As many as one call lists. What is older has no author on the page; the audit log has it. */
const most = 1_000;

/** The latest entries of the audit log about what this user was given, or about usage that was recorded by hand. */
export function useEntries(userId: string, subjectType: AuditSubject): readonly Entry[] {
  return useAnswer(AuthorsDocument, { userId, subjectType, first: most }).data?.auditLog ?? [];
}

/** Who did this to the object with this id, in words; null if it is not known. */
export const authorOf = (entries: readonly Entry[], id: string, action: string): string | null =>
  entries.find((entry) => entry.subjectId === id && entry.action === action)?.author.label ?? null;

/**
 * Who recorded a usage by hand; null if nobody did. The entry is written in the transaction of the usage, so both have
 * one time.
 */
export const recorderOf = (
  entries: readonly Entry[],
  usage: { recordedAt: string; feature: { id: string }; delta: number },
): string | null =>
  entries.find(({ at, after }) => at === usage.recordedAt && isOf(after, usage))?.author.label ?? null;

const isOf = (after: unknown, { feature, delta }: { feature: { id: string }; delta: number }) =>
  typeof after === 'object' &&
  after !== null &&
  'featureId' in after &&
  'delta' in after &&
  after.featureId === feature.id &&
  after.delta === delta;
