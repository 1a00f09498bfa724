import { randomBytes } from 'node:crypto';
import { ownAuthor } from '../../audit/rules.ts';
import { appendEntries } from '../../audit/store.ts';
import type { Db } from '../../database/client.ts';
import type { PrismaClient } from '../../database/generated/client.ts';

/** An environment as user tokens know it. */
export interface TokenRealm {
  environmentId: string;
  appId: string;
  /** The first signs; a token that any of them signed is good. */
  secrets: string[];
}

/**
 * The environments, and what their tokens are signed with: the configured secrets, or else a secret of each
 * environment's own, which is made here when there is none and kept in the database.
 */
export async function loadTokenRealms(
  db: PrismaClient,
  configured: readonly string[],
): Promise<TokenRealm[]> {
  if (configured.length === 0) await db.$transaction(keepSecrets);
  const environments = await db.environment.findMany({ include: { tokenSecret: true } });
  return environments.map(({ id, appId, tokenSecret }) => ({
    environmentId: id,
    appId,
    secrets: configured.length > 0 || tokenSecret === null ? [...configured] : [tokenSecret.secret],
  }));
}

/** Instances that start together keep the one that came first. */
async function keepSecrets(tx: Db): Promise<void> {
  const bare = await tx.environment.findMany({ where: { tokenSecret: null }, select: { id: true } });
  const kept = await tx.userTokenSecret.createManyAndReturn({
    data: bare.map(({ id }) => ({ environmentId: id, secret: randomBytes(32).toString('base64url') })),
    skipDuplicates: true,
    select: { environmentId: true },
  });
  for (const { environmentId: id } of kept)
    await appendEntries(tx, ownAuthor('SERVER', id), { action: 'makeTokenSecret', type: 'TOKEN_SECRET' }, [
      { subjectId: id, userKey: null, before: null, after: null, withheld: [] },
    ]);
}
