import { spawn } from 'node:child_process';
import { StartupError } from '../errors.ts';

/** The operating system's account that PostgreSQL runs as; null is the account of this process. */
export type Account = { uid: number; gid: number } | null;

export interface Outcome {
  /** The exit code; null when the program could not be run or was killed. */
  code: number | null;
  /** Its standard output and error output, or why it could not be run. */
  output: string;
  /** The system's error code if the program could not be run, such as `ENOENT` or `EACCES`. */
  failure?: string | undefined;
}

/** The environment of PostgreSQL's programs, without `PG…` variables, which are about other servers. */
export const cleanEnvironment = () => ({
  PATH: process.env.PATH,
  LC_ALL: 'C',
  SystemRoot: process.env.SystemRoot,
});

/** Runs a program to its end as `account`, without the caller's `PG…` variables. Never throws. */
export function run(
  file: string,
  args: string[],
  account: Account = null,
  directory = '/',
): Promise<Outcome> {
  return new Promise((done) => {
    const child = spawn(file, args, {
      ...(account ?? {}),
      ...(process.platform === 'win32' ? {} : { cwd: directory }),
      env: cleanEnvironment(),
      // On Windows a server inherits the pipes of the program that starts it, and they never close.
      stdio: process.platform === 'win32' ? 'ignore' : ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('error', (error: NodeJS.ErrnoException) =>
      done({ code: null, output: error.message, failure: error.code }),
    );
    child.on('close', (code) => done({ code, output: output.trim() }));
  });
}

/** PostgreSQL refuses to run as root. Root runs it as another account, other users as themselves. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * The account that root starts a new server as: `postgres`, created where it is missing, or `nobody`. PostgreSQL runs
 * only as an account with a name: a user id without an entry in the system's list of users is refused by initdb.
 */
export async function serverAccount(): Promise<Account> {
  if (!isRoot()) return null;
  const account = (await find('postgres')) ?? (await create('postgres')) ?? (await find('nobody'));
  if (account === null || (await run('/bin/sh', ['-c', 'exit 0'], account)).code !== 0)
    throw new StartupError(
      'The embedded PostgreSQL does not run as root, and no other account can be used here. ' +
        'Start as another user, or set DATABASE_URL.',
    );
  return account;
}

async function find(name: string): Promise<Account> {
  const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
  if (uid.code !== 0 || gid.code !== 0) return null;
  // macOS prints negative ids as large numbers.
  return { uid: Number(uid.output) | 0, gid: Number(gid.output) | 0 };
}

async function create(name: string): Promise<Account> {
  const flags = ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent'];
  const added = await run('useradd', [...flags, '--shell', '/usr/sbin/nologin', name]);
  if (added.code !== 0) await run('adduser', ['--system', '--group', '--no-create-home', name]);
  return find(name);
}

/** Whether the account can enter the directory. Tries it, because any parent directory may forbid it. */
export async function canEnter(directory: string, account: Account): Promise<boolean> {
  if (account === null) return true;
  return (await run('/bin/sh', ['-c', 'cd "$0"', directory], account)).code === 0;
}
