import { randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { minSecretKeyLength } from '../auth/secrets/secret-key.ts';
import type { Config } from '../config/config.ts';
import { withProcessLock } from '../embedded-postgres/process-lock.ts';
import { StartupError } from '../errors.ts';

/**
 * The secret key: the configured one or, only with the embedded database, one that the first start creates and keeps
 * in a file beside the database. All servers on one database must have the same key.
 *
 * @throws StartupError if there is no key
 */
export async function findSecretKey({
  secretKey,
  databaseUrl,
  dataDir,
}: Pick<Config, 'secretKey' | 'databaseUrl' | 'dataDir'>): Promise<string> {
  if (secretKey !== undefined) return secretKey;
  if (databaseUrl !== undefined)
    throw new StartupError(
      'Set KANA_SECRET_KEY beside DATABASE_URL: a text of at least 32 characters, such as `openssl rand -hex 32` ' +
        'prints, the same for every server on this database. Sessions and secrets depend on it.',
    );
  const path = join(resolve(dataDir), 'secret-key');
  try {
    return await withProcessLock(`${path}.lock`, async () => (await readKey(path)) ?? (await makeKey(path)));
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(`The secret key cannot be kept in ${path}: ${(error as Error).message}.`);
  }
}

async function readKey(path: string): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const key = text.trim();
  if (key.length >= minSecretKeyLength) return key;
  throw new StartupError(
    `${path} holds no secret key of at least ${minSecretKeyLength} characters: put the former file back.`,
  );
}

/** The file appears whole or not at all, and is on disk before anything is encrypted with the key. */
async function makeKey(path: string): Promise<string> {
  const key = randomBytes(32).toString('base64url');
  const draft = `${path}.new`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(`${key}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  return key;
}
