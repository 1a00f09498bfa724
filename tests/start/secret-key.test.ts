import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { StartupError } from '../../src/errors.ts';
import { findSecretKey } from '../../src/start/secret-key.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'open-kana-secret-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const embedded = () => ({ secretKey: undefined, databaseUrl: undefined, dataDir });
const file = () => join(dataDir, 'secret-key');

test('with the embedded database it is made once, also by several at the same time, for its owner alone', async () => {
  const keys = await Promise.all([1, 2, 3].map(() => findSecretKey(embedded())));
  expect(keys[0]).toMatch(/^[\w-]{43}$/);
  expect(new Set([...keys, await findSecretKey(embedded())]).size).toBe(1);
  expect(await readFile(file(), 'utf8')).toBe(`${keys[0]}\n`);
  expect((await stat(file())).mode & 0o777).toBe(0o600);
  expect(await readdir(dataDir)).toEqual(['secret-key']);
});

test('a configured one comes first, and no file is made', async () => {
  const secretKey = 'configured, and of more than 32 characters';
  expect(await findSecretKey({ ...embedded(), secretKey })).toBe(secretKey);
  expect(await readdir(dataDir)).toEqual([]);
});

test("with a database of one's own it is asked for", async () => {
  const databaseUrl = 'postgresql://127.0.0.1/kana';
  await expect(findSecretKey({ ...embedded(), databaseUrl })).rejects.toThrow(
    /^Set KANA_SECRET_KEY beside DATABASE_URL: a text of at least 32 characters/,
  );
});

test('a file that was emptied is told, and left alone', async () => {
  await writeFile(file(), '\n');
  await expect(findSecretKey(embedded())).rejects.toThrow(StartupError);
  expect(await readFile(file(), 'utf8')).toBe('\n');
});

test('a directory that cannot be written is told', async () => {
  await expect(findSecretKey({ ...embedded(), dataDir: join(dataDir, 'nowhere') })).rejects.toThrow(
    /^The secret key cannot be kept in \S+: ENOENT/,
  );
});
