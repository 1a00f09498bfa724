import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, realpath, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { StartupError } from '../errors.ts';
import { type Account, canEnter, isRoot, serverAccount } from './account.ts';
import { giveTo } from './cluster.ts';

/** For files of root's servers that an unprivileged account must reach. */
const sharedPath = '/var/lib/open-kana';

export interface Home {
  directory: string;
  account: Account;
}

/**
 * The directory of the server's files, `<dataDir>/postgres`, and the account that owns it. Started by root
 * in a place closed to the server's account, the files live in /var/lib/open-kana, and a link leads there.
 */
export async function findHome(dataDir: string, notify: (line: string) => void): Promise<Home> {
  const link = join(dataDir, 'postgres');
  return (await existingHome(link)) ?? (await createHome(dataDir, link, notify));
}

async function existingHome(link: string): Promise<Home | null> {
  const directory = await realpath(link).catch(() => null);
  if (directory === null) return null;
  const { uid, gid } = await stat(directory);
  if (!isRoot()) {
    if (process.getuid !== undefined && uid !== process.getuid())
      throw new StartupError(
        `The files in ${directory} belong to another account: start as that one or as root, or set DATA_DIR.`,
      );
    return { directory, account: null };
  }
  if (uid === 0)
    throw new StartupError(
      `The files in ${directory} belong to root, and PostgreSQL does not run as root: give them to another account ` +
        '(chown -R), or set DATA_DIR.',
    );
  const account = { uid, gid };
  if (await canEnter(directory, account)) return { directory, account };
  throw new StartupError(
    `The account that owns ${directory} can no longer enter it: move it back, or set DATA_DIR.`,
  );
}

async function createHome(dataDir: string, link: string, notify: (line: string) => void): Promise<Home> {
  const account = await serverAccount();
  await mkdir(dataDir, { recursive: true, mode: account === null ? 0o700 : 0o755 });
  if (await isLink(link)) {
    notify(`The database that ${link} led to is gone: starting with an empty one`);
    await rm(link);
  }
  const directory = (await canEnter(dataDir, account))
    ? await ownDirectory(link)
    : await linkedDirectory(dataDir, link, notify);
  await giveTo(account, directory);
  return { directory, account };
}

async function ownDirectory(path: string): Promise<string> {
  await mkdir(path, { mode: 0o700 });
  return realpath(path);
}

async function linkedDirectory(
  dataDir: string,
  link: string,
  notify: (line: string) => void,
): Promise<string> {
  const id = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  // Always a new directory: after DATA_DIR is removed, the database is empty.
  const directory = await mkdtemp(join(await sharedDirectory(), `${id}-`));
  await symlink(directory, link);
  notify(`PostgreSQL runs as another account, to which ${dataDir} is closed: its files are in ${directory}`);
  return directory;
}

/** Creates the directory for files that the server's account must reach. */
export async function sharedDirectory(): Promise<string> {
  await mkdir(sharedPath, { recursive: true });
  await chmod(sharedPath, 0o755);
  return realpath(sharedPath);
}

async function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}
