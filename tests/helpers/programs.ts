import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from '@jest/globals';

/** How a program of each language is run. Go compiles files. */
const languages = {
  sh: (code: string) => ['sh', '-c', code],
  js: (code: string) => [process.execPath, '--input-type=module', '--eval', code],
  ts: (code: string) => [process.execPath, '--input-type=module', '--eval', code],
  python: (code: string) => ['python3', '-c', code],
  ruby: (code: string) => ['ruby', '-e', code],
  go: (_code: string, file: string) => ['go', 'run', file],
};

export type Language = keyof typeof languages;

/** `go` knows no option --version. */
const versionOf = (command: string) => (command === 'go' ? 'version' : '--version');

export const has = (command: string) => spawnSync(command, [versionOf(command)]).status === 0;

/** A test that is skipped where the command is missing. */
export const testWith = (command: string) => (has(command) ? test : test.skip);

/** The code of a page in one language: the first block, or one of those after it. */
export const block = (page: string, language: Language, index = 0) =>
  [...readFileSync(page, 'utf8').matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gsm'))][
    index
  ]?.[1] ?? '';

/** @param cwd in the folder of a package its own name leads to it, as it does where it is installed */
export async function runProgram(
  language: Language,
  code: string,
  env: Record<string, string>,
  cwd = '.',
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'open-kana-program-'));
  try {
    const file = join(directory, 'main.go');
    await writeFile(file, code);
    const [command = '', ...args] = languages[language](code, file);
    // Go compiles its standard library when it runs for the first time.
    const timeout = language === 'go' ? 240_000 : 20_000;
    return (await promisify(execFile)(command, args, { env: { ...process.env, ...env }, cwd, timeout }))
      .stdout;
  } finally {
    await rm(directory, { recursive: true });
  }
}
