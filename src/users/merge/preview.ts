import type { Db } from '../../database/client.ts';
import { planMerge } from '../../subscriptions/merge-rules.ts';
import { settledAt } from '../../subscriptions/migration/rules.ts';
import { findHeldByAll } from '../../subscriptions/store.ts';
import { inOrder, mergedFacts } from './rules.ts';
import { findPeople } from './store.ts';

/** The effect of mergeUsers, by the same rules. */
export interface MergePlan {
  survivor: { key: bigint; id: string };
  mergedIds: string[];
  name: string | null;
  email: string | null;
  billingId: string | null;
  metadata: Record<string, unknown> | null;
  keptIds: bigint[];
  cancelledIds: bigint[];
}

/**
 * Plans a merge without locks: the users may change before the merge.
 *
 * @throws UserNotFoundError
 */
export async function previewMerge(
  db: Db,
  environmentId: string,
  ids: readonly string[],
): Promise<MergePlan> {
  const people = inOrder(await findPeople(db, environmentId, ids), null);
  const [survivor, ...others] = people;
  if (survivor === undefined) throw new Error('there are no users to merge');
  const rows = await findHeldByAll(
    db,
    people.map(({ key }) => key),
  );
  const held = settledAt(rows, new Date());
  const cancelledIds = planMerge(held);
  const { imported: _, ...facts } = mergedFacts(people);
  return {
    ...facts,
    survivor: { key: survivor.key, id: survivor.id },
    mergedIds: others.map(({ id }) => id),
    keptIds: held.map(({ id }) => id).filter((id) => !cancelledIds.includes(id)),
    cancelledIds,
  };
}
