import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import type { ConfigurationFile } from '../configuration/writing-rules.ts';
import { writeYaml } from '../configuration/yaml-rules.ts';
import { StartupError } from '../errors.ts';

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
  await mkdir(directory, { recursive: true });
  await writeFile(path, text);
  return true;
}
