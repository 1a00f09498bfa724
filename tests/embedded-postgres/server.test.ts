import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdtemp, readFile, readlink, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { startEmbedded } from '../../src/embedded-postgres/server.ts';
import { ensureBuilt, run } from '../helpers/process.ts';

let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'open-kana-embedded-'));
  await chmod(dataDir, 0o755);
});

afterAll(async () => {
  await rm(await realpath(join(dataDir, 'postgres')), { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
});

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

const pidFile = () => join(dataDir, 'postgres/cluster/postmaster.pid');
const serverPid = async () => Number.parseInt(await readFile(pidFile(), 'utf8'), 10);
const isRunning = () =>
  stat(pidFile()).then(
    () => true,
    () => false,
  );

/** Asks again until it works: the server may be on its way up. */
async function eventually<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch {
      await new Promise((later) => setTimeout(later, 50));
    }
  }
}

test('the first use makes a server that is durable, sorts alike everywhere, and asks for a password', async () => {
  const server = await startEmbedded({ dataDir });

  const [settings] = await query(
    server.url,
    `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as "synchronousCommit",
            current_setting('checkpoint_timeout') as "checkpointTimeout",
            current_setting('listen_addresses') as "listensOn", current_setting('TimeZone') as "timeZone",
            (select array_agg(word order by word) from unnest(array['b', 'ä', 'B', 'a', 'Z']) word) as sorted,
            upper('ä') as upper`,
  );
  expect(settings).toEqual({
    fsync: 'on',
    synchronousCommit: 'on',
    checkpointTimeout: '15min',
    listensOn: '127.0.0.1',
    timeZone: 'UTC',
    sorted: ['B', 'Z', 'a', 'b', 'ä'],
    upper: 'Ä',
  });
  const guess = new URL(server.url);
  guess.password = 'postgres';
  await expect(query(guess.toString(), 'select 1')).rejects.toThrow('password authentication failed');
  expect((await stat(join(dataDir, 'postgres/password'))).mode & 0o777).toBe(0o600);
  await query(server.url, 'create table kept (id int)');

  await server.stop();
  expect(await isRunning()).toBe(false);
});

test('two users of one directory share the server, and the last to leave stops it', async () => {
  const servers = await Promise.all([startEmbedded({ dataDir }), startEmbedded({ dataDir })]);
  const [first, second] = servers;
  expect(first.url).toBe(second.url);

  await first.stop();
  expect(await query(second.url, 'select count(*)::int as rows from kept')).toEqual([{ rows: 0 }]);

  await second.stop();
  expect(await isRunning()).toBe(false);
});

test('two who leave at the same moment leave no server behind', async () => {
  const servers = await Promise.all([startEmbedded({ dataDir }), startEmbedded({ dataDir })]);
  await Promise.all(servers.map((server) => server.stop()));
  expect(await isRunning()).toBe(false);
});

test("a number in postmaster.pid that is another program's by now does not prevent the start", async () => {
  await writeFile(pidFile(), `${process.pid}\n${dirname(pidFile())}\n1\n5432\n\n127.0.0.1\n\nready\n`);
  const server = await startEmbedded({ dataDir });
  expect(await query(server.url, 'select count(*)::int as rows from kept')).toEqual([{ rows: 0 }]);
  await server.stop();
});

test('a server takes as many connections as are needed, for as long as somebody who needs them is there', async () => {
  const connections = async (url: string) =>
    (await query(url, `select current_setting('max_connections')::int as connections`))[0]?.connections;
  const large = await startEmbedded({ dataDir, connections: 2_580 });
  const small = await startEmbedded({ dataDir });
  expect(await connections(small.url)).toBe(2_580);
  await large.stop();
  const larger = await startEmbedded({ dataDir, connections: 3_000 });
  expect(await connections(larger.url)).toBe(2_580); // Nobody is thrown out.
  await small.stop();
  await larger.stop();
});

test('a server that is killed is started again where it was', async () => {
  const server = await startEmbedded({ dataDir });
  const killed = await serverPid();
  process.kill(killed, 'SIGKILL');

  expect(await eventually(() => query(server.url, 'select count(*)::int as rows from kept'))).toEqual([
    { rows: 0 },
  ]);
  expect(await serverPid()).not.toBe(killed);
  await eventually(() => server.stop());
  expect(await isRunning()).toBe(false);
});

/** The command that runs another in namespaces of its own, as a container does; empty where that is not permitted. */
function isolation(): string[] {
  const unshare = ['unshare', '--pid', '--mount-proc', '--net', '--ipc', '--fork'];
  const [command = '', ...args] = [...unshare, 'true'];
  return spawnSync(command, args).status === 0 ? unshare : [];
}

test('files that a PostgreSQL of another container holds are refused, and stay as they are', async () => {
  const server = await startEmbedded({ dataDir });
  const pid = await readFile(pidFile(), 'utf8');
  const files = await realpath(join(dataDir, 'postgres'));
  const isolated = isolation();
  // Without namespaces a start would join the server: then the lock alone is asked for.
  const attempt =
    isolated.length > 0
      ? `import('${pathToFileURL('dist/embedded-postgres/server.js')}').then(({ startEmbedded }) =>
           startEmbedded({ dataDir: ${JSON.stringify(dataDir)} }))`
      : `import('${pathToFileURL('dist/embedded-postgres/files-lock.js')}').then(({ lockFiles }) =>
           lockFiles(${JSON.stringify(files)}, console.log))`;
  const script = `${attempt}.then(() => 'started', (error) => error.message).then(console.log).then(process.exit)`;
  const [command = '', ...args] = [...isolated, process.execPath, '--input-type=module', '-e', script];
  await ensureBuilt();
  const { stdout } = spawnSync(command, args, { encoding: 'utf8' });
  expect(stdout).toBe(
    `The files in ${files} are in use by a PostgreSQL outside of this container: stop it, or set DATA_DIR.\n`,
  );
  expect(await readFile(pidFile(), 'utf8')).toBe(pid);
  await server.stop();
});

test('what the environment says about other servers is ignored', async () => {
  const variables = { PGSSLMODE: 'require', PGOPTIONS: '-c timezone=Asia/Tokyo', NODE_PG_FORCE_NATIVE: '1' };
  const ended = await run('dist/bundle/keys.js', ['list'], { DATA_DIR: dataDir, ...variables });
  expect(ended).toEqual({
    code: 1,
    stdout: '',
    stderr: 'This database has no tables yet: start the server first.\n',
  });
});

test('what a shell would read in the name of the directory is a part of the name', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'open-kana-shell-'));
  await chmod(parent, 0o755);
  const odd = join(parent, '$(touch made) `touch made` "\'');
  const server = await startEmbedded({ dataDir: odd });
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  await server.stop();
  expect((await stat(join(odd, 'postgres/cluster'))).isDirectory()).toBe(true);
  await rm(parent, { recursive: true });
});

/** Only root runs the server as another account. */
function testAsRoot(name: string, work: () => Promise<void>) {
  if (process.getuid?.() === 0) test(name, work);
}

testAsRoot(
  "in a directory that the server's account cannot enter, the files are kept elsewhere",
  async () => {
    const closed = await mkdtemp(join(tmpdir(), 'open-kana-closed-'));
    const lines: string[] = [];
    const place = join(closed, '.data');

    const server = await startEmbedded({ dataDir: place, notify: (line) => lines.push(line) });
    const files = await readlink(join(place, 'postgres'));
    await query(server.url, 'create table kept (id int)');
    await server.stop();
    expect(files).toMatch(/^\/var\/lib\/open-kana\//);
    expect(lines).toEqual([expect.stringContaining(`its files are in ${files}`)]);

    const again = await startEmbedded({ dataDir: place, notify: (line) => lines.push(line) });
    expect(await query(again.url, 'select count(*)::int as rows from kept')).toEqual([{ rows: 0 }]);
    await again.stop();
    expect(lines).toHaveLength(1);
    for (const path of [files, closed]) await rm(path, { recursive: true });
  },
);

testAsRoot('files of root, or of two accounts, are refused in one line', async () => {
  const home = await realpath(join(dataDir, 'postgres'));
  const files = join(home, 'cluster');
  const { uid, gid } = await stat(home);
  await chown(files, 0, 0);
  await expect(startEmbedded({ dataDir })).rejects.toThrow(
    `The files in ${files} belong to another account than ${home}: give both to one account (chown -R), or set DATA_DIR.`,
  );
  await chown(home, 0, 0);
  await expect(startEmbedded({ dataDir })).rejects.toThrow(
    `The files in ${home} belong to root, and PostgreSQL does not run as root: give them to another account (chown -R), or set DATA_DIR.`,
  );
  for (const path of [home, files]) await chown(path, uid, gid);
});
