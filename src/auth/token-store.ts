import { randomBytes } from 'node:crypto';
import type { Db } from '../database/client.ts';

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
export async function loadTokenRealms(db: Db, configured: readonly string[]): Promise<TokenRealm[]> {
  if (configured.length === 0) await keepSecrets(db);
  const environments = await db.environment.findMany({ include: { tokenSecret: true } });
  return environments.map(({ id, appId, tokenSecret }) => ({
    environmentId: id,
    appId,
    secrets: configured.length > 0 || tokenSecret === null ? [...configured] : [tokenSecret.secret],
  }));
}

/** Instances that start together keep the one that came first. */
async function keepSecrets(db: Db): Promise<void> {
  const bare = await db.environment.findMany({ where: { tokenSecret: null }, select: { id: true } });
  await db.userTokenSecret.createMany({
    data: bare.map(({ id }) => ({ environmentId: id, secret: randomBytes(32).toString('base64url') })),
    skipDuplicates: true,
  });
}
