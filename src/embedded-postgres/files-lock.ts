import { spawn } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../errors.ts';

/** The children of a killed server hold its lock until they end, a moment later. */
const lockTimeoutMs = 10_000;
/** The exit code of flock(1) if another process holds the lock. */
const lockIsTaken = 1;

/**
 * Locks the files of a server, through a file in their directory. The kernel keeps the lock while any process has
 * this file open: the server that inherits it, and its children, also after our end. The lock works between
 * containers that share the directory, where process ids and ports of another container mean nothing.
 *
 * Node.js cannot lock files: flock(1) locks our open file. Without that program, and on systems without containers,
 * only the checks of postmaster.pid and the process lock remain.
 */
export async function lockFiles(home: string, notify: (line: string) => void): Promise<FileHandle> {
  const file = await open(join(home, 'lock'), 'a', 0o600);
  const deadline = performance.now() + lockTimeoutMs;
  while (process.platform === 'linux') {
    const code = await flock(file);
    if (code === 0) break;
    if (code !== lockIsTaken) {
      notify(`flock cannot lock ${home}: no other container may use this directory at the same time`);
      break;
    }
    if (performance.now() > deadline) {
      await file.close();
      throw new StartupError(
        `The files in ${home} are in use by a PostgreSQL outside of this container: stop it, or set DATA_DIR.`,
      );
    }
    await sleep(100);
  }
  return file;
}

/** The exit code of flock(1) on our open file; null if there is no such program. */
function flock({ fd }: FileHandle): Promise<number | null> {
  return new Promise((done) => {
    const child = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
    child.once('error', () => done(null));
    child.once('close', done);
  });
}
