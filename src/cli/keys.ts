import { z } from 'zod';
import { environmentIds } from '../auth/rules.ts';
import { createKey, listKeys, revokeKey } from '../auth/store.ts';
import { loadConfig } from '../config.ts';
import { openDatabase } from '../database/client.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { reachServer } from '../database/server.ts';
import { openSession } from '../database/session.ts';
import { StartupError } from '../errors.ts';

const usage = `Usage:
  npm run keys -- list
  npm run keys -- create <test|live> <private|public>
  npm run keys -- revoke <id>`;

type Command = (db: PrismaClient) => Promise<string>;

const environmentWord = z.enum(environmentIds);
const kindWord = z
  .enum(['private', 'public'])
  .transform((word) => (word === 'private' ? 'PRIVATE' : 'PUBLIC'));

/** The command that the words ask for; throws the usage if they ask for none. */
function parseCommand([verb, ...words]: string[]): Command {
  if (verb === 'list' && words.length === 0) return list;
  if (verb === 'create') {
    const { data } = z.tuple([environmentWord, kindWord]).safeParse(words);
    if (data !== undefined) return async (db) => (await createKey(db, ...data)).key;
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
    return `${id}  ${shape}  made ${createdAt.toISOString()}  ${state}`;
  });
  return lines.join('\n');
}

async function revoke(db: PrismaClient, id: string): Promise<string> {
  const revoked = z.uuid().safeParse(id).success && (await revokeKey(db, id, new Date()));
  if (!revoked) throw new StartupError(`There is no active key with the id ${id}.`);
  return `Revoked ${id}: it stops working within 5 seconds.`;
}

/** Runs the command on the database of the configuration; an embedded one that does not run is started. */
async function run(command: Command): Promise<string> {
  const server = await reachServer(loadConfig(), (line) => process.stderr.write(`${line}\n`));
  try {
    await checkUsed(server.url);
    const database = openDatabase(server.url);
    return await command(database.prisma).finally(() => database.close());
  } finally {
    await server.stop();
  }
}

/** Keys belong to environments, which the first start makes. */
async function checkUsed(url: string): Promise<void> {
  const session = await openSession(url);
  const { rows } = await session.query("select to_regclass('api_key') is not null as used");
  await session.end();
  if (!rows[0].used) throw new StartupError('This database has never been used: run `npm start` first.');
}

async function main(): Promise<void> {
  try {
    const command = parseCommand(process.argv.slice(2));
    process.stdout.write(`${await run(command)}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof StartupError ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

await main();
