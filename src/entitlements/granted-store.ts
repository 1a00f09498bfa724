import type { Db } from '../database/client.ts';
import { requireFeature } from '../features/store.ts';
import { Id, parse } from '../input.ts';
import { liveNow } from '../subscriptions/store.ts';

/** The filter for features in the user's live subscriptions and among the grants, optionally only one feature. */
export async function grantedTo(
  db: Db,
  environmentId: string,
  userKey: bigint,
  only: string | null | undefined = null,
) {
  const id = parse(Id.nullish(), only, 'featureId') ?? undefined;
  if (id !== undefined) await requireFeature(db, environmentId, id);
  const live = { some: { userKey, ...liveNow() } };
  const held = [
    { packages: { some: { package: { subscriptions: live } } } },
    { grants: { some: { userKey } } },
  ];
  return { environmentId, id, OR: held };
}
