import { chmod, mkdtemp, readFile, readlink, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { startEmbedded } from '../../src/embedded-postgres/server.ts';

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
            current_setting('listen_addresses') as "listensOn", current_setting('TimeZone') as "timeZone",
            (select array_agg(word order by word) from unnest(array['b', 'ä', 'B', 'a', 'Z']) word) as sorted,
            upper('ä') as upper`,
  );
  expect(settings).toEqual({
    fsync: 'on',
    synchronousCommit: 'on',
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

    const server = await startEmbedded({ dataDir: place, tell: (line) => lines.push(line) });
    const files = await readlink(join(place, 'postgres'));
    await query(server.url, 'create table kept (id int)');
    await server.stop();
    expect(files).toMatch(/^\/var\/lib\/open-kana\//);
    expect(lines).toEqual([expect.stringContaining(`its files are in ${files}`)]);

    const again = await startEmbedded({ dataDir: place, tell: (line) => lines.push(line) });
    expect(await query(again.url, 'select count(*)::int as rows from kept')).toEqual([{ rows: 0 }]);
    await again.stop();
    expect(lines).toHaveLength(1);
    for (const path of [files, closed]) await rm(path, { recursive: true });
  },
);
