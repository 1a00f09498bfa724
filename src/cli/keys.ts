import '../start/environment.ts';
import { z } from 'zod';
import { ownAuthor } from '../audit/rules.ts';
import { issueKey, revokeKeyWithAudit } from '../auth/keys/issue.ts';
import { environmentIds } from '../auth/keys/rules.ts';
import { listKeys } from '../auth/keys/store.ts';
import { createEncryption } from '../auth/secrets/encryption.ts';
import { createSecretKey } from '../auth/secrets/secret-key.ts';
import { loadTokenRealms } from '../auth/tokens/realms.ts';
import { loadConfig } from '../config.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { StartupError } from '../errors.ts';
import { findSecretKey } from '../start/secret-key.ts';
import { runCommand, withDatabase } from './command.ts';

const usage = `Usage:
  npm run keys -- list
  npm run keys -- create <test|live> <private|public|write>
  npm run keys -- revoke <id>
  npm run keys -- token-secrets    show the generated secrets that sign user tokens`;

type Command = (db: PrismaClient) => Promise<string>;

const environmentWord = z.enum(environmentIds);
const kindWord = z
  .enum(['private', 'public', 'write'])
  .transform((word) => word.toUpperCase() as Uppercase<typeof word>);

/** Parses the arguments. @throws StartupError with the usage text if they are invalid */
function parseCommand([verb, ...words]: string[]): Command {
  if (verb === 'list' && words.length === 0) return list;
  if (verb === 'token-secrets' && words.length === 0) return listTokenSecrets;
  if (verb === 'create') {
    const { data } = z.tuple([environmentWord, kindWord]).safeParse(words);
    if (data !== undefined)
      return async (db) => (await issueKey(db, ...data, ownAuthor('COMMAND', data[0]))).key;
  }
  if (verb === 'revoke') {
    const { data } = z.tuple([z.string()]).safeParse(words);
    if (data !== undefined) return (db) => revoke(db, data[0]);
  }
  throw new StartupError(usage);
}

async function list(db: PrismaClient): Promise<string> {
  const keys = await listKeys(db);
  const lines = keys.map(({ id, environmentId, kind, lastFour, createdAt, revokedAt }) => {
    const state = revokedAt === null ? 'active' : `revoked ${revokedAt.toISOString()}`;
    const shape = `${environmentId} ${kind.toLowerCase().padEnd(7)}  …${lastFour}`;
    return `${id}  ${shape}  created ${createdAt.toISOString()}  ${state}`;
  });
  return lines.join('\n');
}

/** An operator can then configure these secrets, so that existing tokens stay valid. */
async function listTokenSecrets(db: PrismaClient): Promise<string> {
  const encryption = createEncryption(createSecretKey(await findSecretKey(loadConfig())));
  const realms = await loadTokenRealms(db, [], encryption);
  return realms.map(({ environmentId, secrets }) => `${environmentId}  ${secrets.join()}`).join('\n');
}

async function revoke(db: PrismaClient, id: string): Promise<string> {
  const by = (environmentId: string) => ownAuthor('COMMAND', environmentId);
  const revoked = z.uuid().safeParse(id).success && (await revokeKeyWithAudit(db, id, new Date(), by));
  if (!revoked) throw new StartupError(`There is no active key with the id ${id}.`);
  return `Revoked ${id}: it stops working within 5 seconds.`;
}

await runCommand(async () => {
  const command = parseCommand(process.argv.slice(2));
  process.stdout.write(`${await withDatabase(({ prisma }) => command(prisma))}\n`);
});
