import { requireFeature } from '../features/store.ts';
import { builder } from '../graphql/builder.ts';
import type { Context } from '../graphql/context.ts';
import { Id, parse } from '../input.ts';
import { requireUserKey } from './store.ts';

/** The arguments of a list of what one user has. */
export const ownerArgs = builder.args((t) => ({
  userId: t.string({ required: true, description: 'The id of the user.' }),
  featureId: t.string({ description: 'Only those of this feature.' }),
}));

/**
 * Reads the arguments of a list of what one user has: whose it is, and of which feature only.
 *
 * @throws UserNotFoundError, FeatureNotFoundError
 */
export async function readOwner(
  given: { userId: string; featureId?: string | null | undefined },
  { db, environmentId }: Pick<Context, 'db' | 'environmentId'>,
): Promise<{ userKey: bigint; featureId: string | undefined }> {
  const userKey = await requireUserKey(db, environmentId, parse(Id, given.userId, 'userId'));
  const featureId = parse(Id.nullish(), given.featureId, 'featureId') ?? undefined;
  if (featureId !== undefined) await requireFeature(db, environmentId, featureId);
  return { userKey, featureId };
}
