import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, readFile, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import type { CatalogueFile } from '../../catalogue/file/writing-rules.ts';
import { writeYaml } from '../../catalogue/file/yaml-rules.ts';
import { StartupError } from '../../errors.ts';

const directory = './kana';

/** The files of the environments; the paths are Kana's. */
export const paths = {
  test: `${directory}/kana.dev.yaml`,
  live: `${directory}/kana.yaml`,
  example: `${directory}/kana.example.yaml`,
};

/** Reads a file. @throws StartupError if it is missing or not YAML */
export async function readKanaFile(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new StartupError(`no file "${path}" found.`);
  });
  try {
    return parse(text);
  } catch (error) {
    throw new StartupError(`${path}: ${(error as Error).message}`);
  }
}

/**
 * Writes a file. An equal file stays unchanged and keeps its comments.
 *
 * @returns whether the file was written
 */
export async function writeKanaFile(path: string, file: CatalogueFile, now: Date): Promise<boolean> {
  const text = writeYaml(file, now);
  const current = await readKanaFile(path).catch(() => undefined);
  if (isDeepStrictEqual(current, parse(text))) return false;
  await replaceFile(path, text).catch((error: Error) => {
    throw new StartupError(`${path} cannot be written (${error.message})`);
  });
  return true;
}

/**
 * Replaces a file atomically: writes a temporary file, syncs and renames it. After a full disk or Ctrl-C the old file
 * is still there. Permissions and owner stay. Of a symbolic link, the target is replaced.
 */
async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const target = await targetOf(path);
  const current = await stat(target).catch(() => null);
  if (current) await access(target, constants.W_OK);
  const temporary = `${target}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(text);
      if (current) {
        // Only root can change the owner; other users become the owner.
        await file.chown(current.uid, current.gid).catch(() => undefined);
        await file.chmod(current.mode);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Resolves symbolic links. The file itself may not exist yet. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const next = await readlink(path).catch(() => null);
    return next === null ? path : resolve(dirname(path), next);
  }
}
