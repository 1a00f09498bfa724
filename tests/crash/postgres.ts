import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';

/** The embedded PostgreSQL of a data directory, seen from outside: as its files and processes. */
export interface Postgres {
  kill(): Promise<void>;
  /** Kills one of its connections, upon which it throws out all others and recovers. */
  killConnection(): Promise<void>;
  /** Ends it as an operator of the machine would. */
  shutDown(): Promise<void>;
  /** Stops all of its processes; they go on when the answered function is called. */
  freeze(): Promise<() => void>;
  /** Runs a statement over a connection of its own. */
  query(sql: string): Promise<Record<string, string>[]>;
  /** Runs a statement in a transaction that stays open, with its locks, until the answered function is called. */
  hold(sql: string): Promise<() => Promise<void>>;
}

export function findPostgres(dataDir: string): Postgres {
  const home = join(dataDir, 'postgres');

  async function postmaster(): Promise<{ pid: number; port: number }> {
    const lines = (await readFile(join(home, 'cluster/postmaster.pid'), 'utf8')).split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]) };
  }
  async function connect(): Promise<Client> {
    const password = await readFile(join(await realpath(home), 'password'), 'utf8');
    const client = new Client({
      connectionString: `postgresql://postgres:${password}@127.0.0.1:${(await postmaster()).port}/open_kana`,
      application_name: 'crash suite',
      connectionTimeoutMillis: 1_000,
      // Also while the database is read-only for everybody else.
      options: '-c default_transaction_read_only=off',
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }
  return {
    async kill() {
      send((await postmaster()).pid, 'SIGKILL');
    },
    async killConnection() {
      const { pid } = await postmaster();
      const [connection] = await childrenOf(pid, /^postgres: postgres open_kana /);
      send(connection ?? pid, 'SIGKILL');
    },
    async shutDown() {
      send((await postmaster()).pid, 'SIGINT');
    },
    async freeze() {
      const { pid } = await postmaster();
      send(pid, 'SIGSTOP');
      const all = [pid, ...(await childrenOf(pid, /^/))];
      for (const each of all) send(each, 'SIGSTOP');
      return () => {
        for (const each of all) send(each, 'SIGCONT');
      };
    },
    async query(sql) {
      const client = await connect();
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end().catch(() => undefined);
      }
    },
    async hold(sql) {
      const client = await connect();
      await client.query('begin');
      await client.query(sql);
      return () => client.end();
    },
  };
}

/** A process that has just ended has got what it was to get. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

/** The processes that this one has started, as Linux tells them, whose title matches. */
async function childrenOf(parent: number, title: RegExp): Promise<number[]> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  const found: number[] = [];
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const [, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(ppid) !== parent) continue;
    if (title.test(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''))) found.push(pid);
  }
  return found;
}
