import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, readFile, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import type { ConfigurationFile } from '../../catalogue/file/writing-rules.ts';
import { writeYaml } from '../../catalogue/file/yaml-rules.ts';
import { StartupError } from '../../errors.ts';

const directory = './kana';

/** Where the files of the environments are, as in the original. */
export const paths = {
  test: `${directory}/kana.dev.yaml`,
  live: `${directory}/kana.yaml`,
  example: `${directory}/kana.example.yaml`,
};

/** Reads a file; throws a StartupError if there is none, or it is not YAML. */
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
 * Writes a file, unless it says the same already: then it stays as it is, with its comments. Answers whether it
 * was written.
 */
export async function writeKanaFile(path: string, file: ConfigurationFile, now: Date): Promise<boolean> {
  const text = writeYaml(file, now);
  const present = await readKanaFile(path).catch(() => undefined);
  if (isDeepStrictEqual(present, parse(text))) return false;
  await replaceFile(path, text).catch((error: Error) => {
    throw new StartupError(`${path} cannot be written (${error.message})`);
  });
  return true;
}

/**
 * Writes the text beside the file, and puts it in its place once all of it is on disk: a full disk or Ctrl-C leaves
 * the file as it was. Its permissions and owner stay; a link stays one, and its target is replaced.
 */
async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const target = await targetOf(path);
  const present = await stat(target).catch(() => null);
  if (present) await access(target, constants.W_OK);
  const draft = `${target}.${randomUUID()}.tmp`;
  try {
    const file = await open(draft, 'wx');
    try {
      await file.writeFile(text);
      if (present) {
        // Only root can give a file away; whoever cannot has a file of their own from now on.
        await file.chown(present.uid, present.gid).catch(() => undefined);
        await file.chmod(present.mode);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** The file that a path leads to, which need not be there yet. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const next = await readlink(path).catch(() => null);
    return next === null ? path : resolve(dirname(path), next);
  }
}
