import { randomBytes } from 'node:crypto';
import { ownAuthor } from '../../audit/rules.ts';
import { appendEntries } from '../../audit/store.ts';
import type { Db } from '../../database/client.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { StartupError } from '../../errors.ts';
import { type Encryption, isEncrypted, WrongSecretKey } from '../secrets/encryption.ts';

/** An environment, and the secrets of its user tokens. */
export interface TokenRealm {
  environmentId: string;
  appId: string;
  /** The first one signs; all verify. */
  secrets: string[];
}

/**
 * Returns the environments with the secrets of their tokens: the configured ones, or else one for each environment. If
 * it is missing, it is created. The database stores it encrypted.
 *
 * @throws StartupError if a stored secret was encrypted with another KANA_SECRET_KEY
 */
export async function loadTokenRealms(
  db: PrismaClient,
  configured: readonly string[],
  encryption: Encryption,
): Promise<TokenRealm[]> {
  if (configured.length === 0) await db.$transaction((tx) => createMissing(tx, encryption));
  await encryptPlain(db, encryption);
  const environments = await db.environment.findMany({ include: { tokenSecret: true } });
  return environments.map(({ id, appId, tokenSecret }) => ({
    environmentId: id,
    appId,
    secrets:
      configured.length > 0 || tokenSecret === null
        ? [...configured]
        : [decryptStored(encryption, id, tokenSecret.secret)],
  }));
}

const locationOf = (environmentId: string) => `user_token_secret ${environmentId}`;

/** If several instances start together, the first secret is used. */
async function createMissing(tx: Db, encryption: Encryption): Promise<void> {
  const missing = await tx.environment.findMany({ where: { tokenSecret: null }, select: { id: true } });
  const created = await tx.userTokenSecret.createManyAndReturn({
    data: missing.map(({ id }) => ({
      environmentId: id,
      secret: encryption.encrypt(randomBytes(32).toString('base64url'), locationOf(id)),
    })),
    skipDuplicates: true,
    select: { environmentId: true },
  });
  for (const { environmentId: id } of created)
    await appendEntries(tx, ownAuthor('SERVER', id), { action: 'makeTokenSecret', type: 'TOKEN_SECRET' }, [
      { subjectId: id, userKey: null, before: null, after: null, withheld: [] },
    ]);
}

/** Encrypts secrets that earlier versions stored as plain text. Tokens that they signed stay valid. */
async function encryptPlain(db: Db, encryption: Encryption): Promise<void> {
  const stored = await db.userTokenSecret.findMany();
  for (const { environmentId, secret } of stored.filter((each) => !isEncrypted(each.secret)))
    await db.userTokenSecret.updateMany({
      // Another instance may have encrypted it in the meantime.
      where: { environmentId, secret },
      data: { secret: encryption.encrypt(secret, locationOf(environmentId)) },
    });
}

function decryptStored(encryption: Encryption, environmentId: string, stored: string): string {
  try {
    return encryption.decrypt(stored, locationOf(environmentId));
  } catch (error) {
    if (!(error instanceof WrongSecretKey)) throw error;
    throw new StartupError(
      'KANA_SECRET_KEY is not the one that the secrets in this database were encrypted with: set that one. ' +
        'If it is lost, delete the rows of user_token_secret: that ends all user tokens.',
    );
  }
}
