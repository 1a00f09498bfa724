import '../start/environment.ts';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ownAuthor } from '../audit/rules.ts';
import { issueKey, revokeKeyWithAudit } from '../auth/keys/issue.ts';
import { environmentIds, type KeyKind } from '../auth/keys/rules.ts';
import { listKeys, type StoredKey } from '../auth/keys/store.ts';
import { readScopes, scopes } from '../auth/permission-rules.ts';
import { createEncryption } from '../auth/secrets/encryption.ts';
import { createSecretKey } from '../auth/secrets/secret-key.ts';
import { loadTokenRealms } from '../auth/tokens/realms.ts';
import { loadConfig } from '../config/config.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { DomainError, StartupError } from '../errors.ts';
import { Note } from '../input.ts';
import { findSecretKey } from '../start/secret-key.ts';
import { calledAs } from './calls.ts';
import { runCommand, withDatabase } from './command.ts';

const call = calledAs('keys');
const usage = `Usage:
  ${call} list
  ${call} create <test|live> <private|public|write> [--name <name>] [--scopes read,usage,ingest,admin] [--expires <date>]
  ${call} revoke <id>
  ${call} token-secrets    show the generated secrets that sign user tokens`;

type Command = (db: PrismaClient) => Promise<string>;

const Terms = z.object({
  name: Note.optional(),
  scopes: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(scopes)))
    .optional(),
  expires: z.coerce
    .date()
    .refine((at) => at > new Date())
    .optional(),
});

const environmentWord = z.enum(environmentIds);
const kindWord = z
  .enum(['private', 'public', 'write'])
  .transform((word) => word.toUpperCase() as Uppercase<typeof word>);

/** Parses the arguments. @throws StartupError with the usage text if they are invalid */
function parseCommand([verb, ...words]: string[]): Command {
  if (verb === 'list' && words.length === 0) return list;
  if (verb === 'token-secrets' && words.length === 0) return listTokenSecrets;
  if (verb === 'create') return parseCreate(words);
  if (verb === 'revoke') {
    const { data } = z.tuple([z.string()]).safeParse(words);
    if (data !== undefined) return (db) => revoke(db, data[0]);
  }
  throw new StartupError(usage);
}

/** @throws StartupError, or ValidationError about a term */
function parseCreate(words: string[]): Command {
  try {
    const { values, positionals } = parseArgs({
      args: words,
      options: { name: { type: 'string' }, scopes: { type: 'string' }, expires: { type: 'string' } },
      allowPositionals: true,
    });
    const [environmentId, kind] = z.tuple([environmentWord, kindWord]).parse(positionals);
    const { name, scopes, expires } = Terms.parse(values);
    const terms = { name: name ?? null, expiresAt: expires ?? null, scopes: readScopes(kind, scopes) };
    return async (db) =>
      (await issueKey(db, environmentId, kind, ownAuthor('COMMAND', environmentId), terms)).key;
  } catch (error) {
    if (error instanceof DomainError) throw new StartupError(error.message);
    throw new StartupError(usage);
  }
}

async function list(db: PrismaClient): Promise<string> {
  const keys = await listKeys(db);
  const lines = keys.map(({ id, environmentId, kind, lastFour, createdAt, ...key }) => {
    const state = [...termsOf(kind, key), stateOf(key)].join('  ');
    const shape = `${environmentId} ${kind.toLowerCase().padEnd(7)}  …${lastFour}`;
    return `${id}  ${shape}  created ${createdAt.toISOString()}  ${state}`;
  });
  return lines.join('\n');
}

function stateOf({ revokedAt, expiresAt }: Pick<StoredKey, 'revokedAt' | 'expiresAt'>): string {
  if (revokedAt !== null) return `revoked ${revokedAt.toISOString()}`;
  if (expiresAt === null) return 'active';
  return `${expiresAt <= new Date() ? 'expired' : 'expires'} ${expiresAt.toISOString()}`;
}

/** What else is known about a key; nothing for one without a name that may do everything and was never used. */
function termsOf(kind: KeyKind, { name, scopes, lastUsedAt }: StoredTerms): string[] {
  return [
    ...(kind === 'PRIVATE' && !scopes.includes('admin') ? [`may ${scopes.join()}`] : []),
    ...(lastUsedAt === null ? [] : [`used ${lastUsedAt.toISOString()}`]),
    ...(name === null ? [] : [JSON.stringify(name)]),
  ];
}

type StoredTerms = Pick<StoredKey, 'name' | 'scopes' | 'lastUsedAt'>;

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
