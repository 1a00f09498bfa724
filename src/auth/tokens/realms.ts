import { randomBytes } from 'node:crypto';
import { ownAuthor } from '../../audit/rules.ts';
import { appendEntries } from '../../audit/store.ts';
import type { Db } from '../../database/client.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { StartupError } from '../../errors.ts';
import { type Encryption, isEncrypted, WrongSecretKey } from '../secrets/encryption.ts';

/** An environment as user tokens know it. */
export interface TokenRealm {
  environmentId: string;
  appId: string;
  /** The first signs; a token that any of them signed is good. */
  secrets: string[];
}

/**
 * The environments, and what their tokens are signed with: the configured secrets, or else a secret of each
 * environment's own, which is made here when there is none. The database keeps it encrypted.
 *
 * @throws StartupError when a kept secret was encrypted with another KANA_SECRET_KEY
 */
export async function loadTokenRealms(
  db: PrismaClient,
  configured: readonly string[],
  encryption: Encryption,
): Promise<TokenRealm[]> {
  if (configured.length === 0) await db.$transaction((tx) => makeMissing(tx, encryption));
  await encryptPlain(db, encryption);
  const environments = await db.environment.findMany({ include: { tokenSecret: true } });
  return environments.map(({ id, appId, tokenSecret }) => ({
    environmentId: id,
    appId,
    secrets:
      configured.length > 0 || tokenSecret === null
        ? [...configured]
        : [decryptKept(encryption, id, tokenSecret.secret)],
  }));
}

const placeOf = (environmentId: string) => `user_token_secret ${environmentId}`;

/** Instances that start together keep the one that came first. */
async function makeMissing(tx: Db, encryption: Encryption): Promise<void> {
  const bare = await tx.environment.findMany({ where: { tokenSecret: null }, select: { id: true } });
  const kept = await tx.userTokenSecret.createManyAndReturn({
    data: bare.map(({ id }) => ({
      environmentId: id,
      secret: encryption.encrypt(randomBytes(32).toString('base64url'), placeOf(id)),
    })),
    skipDuplicates: true,
    select: { environmentId: true },
  });
  for (const { environmentId: id } of kept)
    await appendEntries(tx, ownAuthor('SERVER', id), { action: 'makeTokenSecret', type: 'TOKEN_SECRET' }, [
      { subjectId: id, userKey: null, before: null, after: null, withheld: [] },
    ]);
}

/** Earlier versions stored secrets as they are. Tokens that these signed stay good. */
async function encryptPlain(db: Db, encryption: Encryption): Promise<void> {
  const kept = await db.userTokenSecret.findMany();
  for (const { environmentId, secret } of kept.filter((each) => !isEncrypted(each.secret)))
    await db.userTokenSecret.updateMany({
      // Another instance may have encrypted it in the meantime.
      where: { environmentId, secret },
      data: { secret: encryption.encrypt(secret, placeOf(environmentId)) },
    });
}

function decryptKept(encryption: Encryption, environmentId: string, stored: string): string {
  try {
    return encryption.decrypt(stored, placeOf(environmentId));
  } catch (error) {
    if (!(error instanceof WrongSecretKey)) throw error;
    throw new StartupError(
      'KANA_SECRET_KEY is not the one that the secrets in this database were encrypted with: set that one. ' +
        'If it is lost, delete the rows of user_token_secret: that ends all user tokens.',
    );
  }
}
