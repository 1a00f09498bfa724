import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  cp,
  mkdir,
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
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { startEmbedded } from '../../src/embedded-postgres/server.ts';
import { onServer } from './server.ts';

/** A primary, and a standby that streams from it: real servers, each with files of its own. */
export interface Replication {
  primaryUrl: string;
  standbyUrl: string;
  /** Runs a statement on the standby. */
  onStandby(sql: string): Promise<void>;
  /** The standby becomes a primary of its own. */
  promote(): Promise<void>;
  /** Ends the standby, as a lost machine does. */
  killStandby(): Promise<void>;
  startStandby(): Promise<void>;
  stop(): Promise<void>;
}

export async function startReplication(): Promise<Replication> {
  const dataDir = await mkdtemp(join(tmpdir(), 'open-kana-standby-'));
  await chmod(dataDir, 0o755);
  const primary = await startEmbedded({ dataDir });
  for (const setting of ["fsync = 'off'", "full_page_writes = 'off'"])
    await onServer(primary.url, `alter system set ${setting}`);
  await onServer(primary.url, 'select pg_reload_conf()');
  const home = await realpath(join(dataDir, 'postgres'));
  const files = join(home, 'standby');
  await copyFiles(primary.url, join(home, 'cluster'), files);
  const [pid] = (await readFile(join(home, 'cluster/postmaster.pid'), 'utf8')).split('\n');
  const postgres = await readlink(`/proc/${pid}/exe`);
  const { uid, gid } = await stat(join(home, 'cluster'));
  const port = await freePort();
  const standbyUrl = Object.assign(new URL(primary.url), { port: `${port}` }).href;
  let child: ChildProcess | null = null;

  async function startStandby(): Promise<void> {
    const flags = ['-c', `port=${port}`, '-c', 'listen_addresses=127.0.0.1', '-c', 'max_connections=100'];
    child = spawn(postgres, ['-D', files, ...flags], { uid, gid, cwd: '/', stdio: 'ignore' });
    while (
      !(await onServer(standbyUrl, 'select 1').then(
        () => true,
        () => false,
      ))
    )
      await sleep(20);
  }
  async function endStandby(signal: NodeJS.Signals): Promise<void> {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    await rm(join(files, 'postmaster.pid'), { force: true });
  }
  await startStandby();
  return {
    primaryUrl: primary.url,
    standbyUrl,
    onStandby: (sql) => onServer(standbyUrl, sql),
    promote: () => onServer(standbyUrl, 'select pg_promote()'),
    killStandby: () => endStandby('SIGQUIT'),
    startStandby,
    async stop() {
      await endStandby('SIGQUIT');
      await primary.stop();
      for (const path of [home, dataDir]) await rm(path, { recursive: true, force: true });
    },
  };
}

/** A base backup, as pg_basebackup makes it, which does not come with the embedded server. */
async function copyFiles(url: string, from: string, to: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`select pg_backup_start('standby', true)`);
  await cp(from, to, {
    recursive: true,
    filter: (path) => basename(path) !== 'postmaster.pid' && !/\/pg_wal\/./.test(path),
  });
  const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
  await client.end();
  const { port, username, password } = new URL(url);
  const conninfo = `host=127.0.0.1 port=${port} user=${username} password=${password}`;
  await writeFile(join(to, 'backup_label'), rows[0]?.labelfile ?? '');
  await writeFile(join(to, 'standby.signal'), '');
  await writeFile(join(to, 'postgresql.auto.conf'), `fsync = off\nprimary_conninfo = '${conninfo}'\n`);
  await mkdir(join(to, 'pg_wal'), { recursive: true });
  const { uid, gid } = await stat(from);
  for (const each of await readdir(to, { recursive: true })) await chown(join(to, each), uid, gid);
  await chown(to, uid, gid);
  await chmod(to, 0o700);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
