import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  cp,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbedded } from '../../src/embedded-postgres/server.ts';
import { onServer } from './server.ts';

/** A primary, and a standby that streams from it: real servers, each with files of its own. */
export interface Replication {
  primaryUrl: string;
  standbyUrl: string;
  onPrimary(sql: string): Promise<void>;
  onStandby(sql: string): Promise<void>;
  /** Ends the primary, as a lost machine does. */
  killPrimary(): Promise<void>;
  /** The standby becomes a primary of its own. */
  promote(): Promise<void>;
  killStandby(): Promise<void>;
  startStandby(): Promise<void>;
  stop(): Promise<void>;
}

export async function startReplication(): Promise<Replication> {
  const dataDir = await mkdtemp(join(tmpdir(), 'open-kana-standby-'));
  await chmod(dataDir, 0o755);
  // The embedded server makes the files, and shows what to run on them. It would not stay killed.
  const embedded = await startEmbedded({ dataDir });
  const home = await realpath(join(dataDir, 'postgres'));
  const files = { primary: join(home, 'cluster'), standby: join(home, 'standby') };
  const [pid] = (await readFile(join(files.primary, 'postmaster.pid'), 'utf8')).split('\n');
  const postgres = await readlink(`/proc/${pid}/exe`);
  await embedded.stop();
  const owner = await stat(files.primary);

  function nodeOf(directory: string, port: number) {
    const url = Object.assign(new URL(embedded.url), { port: `${port}` }).href;
    let child: ChildProcess | null = null;
    return {
      url,
      async start() {
        const flags = [`port=${port}`, 'listen_addresses=127.0.0.1', 'fsync=off', 'max_connections=100'];
        const { uid, gid } = owner;
        const options = { uid, gid, cwd: '/', stdio: 'ignore' } as const;
        child = spawn(postgres, ['-D', directory, ...flags.flatMap((flag) => ['-c', flag])], options);
        const answers = () =>
          onServer(url, 'select 1').then(
            () => true,
            () => false,
          );
        while (!(await answers())) await sleep(20);
      },
      async kill() {
        if (child === null || child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, 'exit');
        child.kill('SIGQUIT');
        await ended;
        await rm(join(directory, 'postmaster.pid'), { force: true });
      },
    };
  }
  const primary = nodeOf(files.primary, await freePort());
  const standby = nodeOf(files.standby, await freePort());
  await cp(files.primary, files.standby, { recursive: true });
  const { port, username, password } = new URL(primary.url);
  const conninfo = `host=127.0.0.1 port=${port} user=${username} password=${password} application_name=standby`;
  await writeFile(join(files.standby, 'standby.signal'), '');
  await writeFile(join(files.standby, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
  for (const each of await readdir(files.standby, { recursive: true }))
    await chown(join(files.standby, each), owner.uid, owner.gid);
  await chown(files.standby, owner.uid, owner.gid);
  await chmod(files.standby, 0o700);
  await primary.start();
  await standby.start();
  return {
    primaryUrl: primary.url,
    standbyUrl: standby.url,
    onPrimary: (sql) => onServer(primary.url, sql),
    onStandby: (sql) => onServer(standby.url, sql),
    killPrimary: primary.kill,
    promote: () => onServer(standby.url, 'select pg_promote()'),
    killStandby: standby.kill,
    startStandby: standby.start,
    async stop() {
      await Promise.all([standby.kill(), primary.kill()]);
      for (const path of [home, dataDir]) await rm(path, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
