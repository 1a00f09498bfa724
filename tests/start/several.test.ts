import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createEmptyDatabase, type TestDatabase } from '../helpers/database.ts';
import { endAll, ensureBuilt, run, type ServerProcess, startServer } from '../helpers/process.ts';

/* Several server processes on one port (WEB_CONCURRENCY). */

const key = `prv_test_${'k'.repeat(32)}`;
let database: TestDatabase;
let environment: Record<string, string>;

beforeAll(async () => {
  await ensureBuilt();
  database = await createEmptyDatabase();
  const provided = { KANA_DEMO: 'true', KANA_TEST_PRIVATE_KEY: key };
  environment = { DATABASE_URL: database.url, WEB_CONCURRENCY: '2', BASE_PATH: '/kana', ...provided };
});

afterAll(async () => {
  endAll();
  await database.drop();
});

interface Recorded {
  recorded: boolean;
  duplicate: boolean;
}

async function record({ url }: ServerProcess, input: string): Promise<Recorded> {
  const facts = `userId: "demo-user", featureId: "api-calls", ${input}`;
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: key, 'content-type': 'application/json' },
    body: JSON.stringify({ query: `mutation { recordUsage(input: { ${facts} }) { recorded duplicate } }` }),
  });
  const { data } = (await answer.json()) as { data: { recordUsage: Recorded } };
  return data.recordUsage;
}

/** The processes that this one started, as Linux tells them. */
async function workersOf({ child }: ServerProcess): Promise<number[]> {
  const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
  return children.trim().split(' ').filter(Boolean).map(Number);
}

test('two processes share the port and the guarantees, and one that is killed is replaced', async () => {
  const server = await startServer(environment);
  const workers = await workersOf(server);
  expect(workers).toHaveLength(2);

  const raced = await Promise.all(
    Array.from({ length: 40 }, () => record(server, 'enforce: true, idempotencyKey: "raced"')),
  );
  expect(raced.filter(({ duplicate }) => !duplicate)).toEqual([{ recorded: true, duplicate: false }]);

  const [victim = 0, survivor = 0] = workers;
  process.kill(victim, 'SIGKILL');
  while ((await workersOf(server)).filter((pid) => pid !== victim && pid !== survivor).length === 0) {
    await sleep(50);
  }
  expect(await record(server, 'delta: 1')).toEqual({ recorded: true, duplicate: false });

  expect(await server.end('SIGTERM')).toBe(0);
  expect(server.stderr()).toBe('');
  expect(await answers(server)).toBe(false);
});

test('a key that is revoked stays so when a process is replaced, and each start says so once', async () => {
  const revoked = `prv_test_${'r'.repeat(32)}`;
  const configured = { ...environment, KANA_TEST_PRIVATE_KEY: revoked };
  const status = ({ url }: ServerProcess) =>
    fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { authorization: revoked, 'content-type': 'application/json' },
      body: '{"query":"{features{id}}"}',
    }).then((answer) => answer.status);
  const before = await startServer(configured);
  expect(await status(before)).toBe(200);
  const { stdout } = await run('dist/bundle/keys.js', ['list'], environment);
  const [, id = ''] = /^(\S+) .*…rrrr /m.exec(stdout) ?? [];
  await run('dist/bundle/keys.js', ['revoke', id], environment);
  const [victim = 0, survivor = 0] = await workersOf(before);
  process.kill(victim, 'SIGKILL');
  while ((await workersOf(before)).filter((pid) => pid !== victim && pid !== survivor).length === 0) {
    await sleep(50);
  }
  while ((await status(before)) !== 401) await sleep(50);
  await before.end('SIGTERM');
  expect(before.stderr()).toBe('');

  const after = await startServer(configured);
  expect(await status(after)).toBe(401);
  await after.end('SIGTERM');
  const said = after
    .stderr()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(said).toEqual([
    expect.objectContaining({
      msg: 'a configured key is revoked, and stays so',
      key: { environmentId: 'test', kind: 'PRIVATE', lastFour: 'rrrr' },
    }),
  ]);
});

test('the processes end when the one that started them is killed', async () => {
  const server = await startServer(environment);
  const workers = await workersOf(server);
  await server.end('SIGKILL');
  expect(workers).toHaveLength(2);
  while (await answers(server)) await sleep(50);
});

const answers = ({ url }: ServerProcess) =>
  fetch(`${url}/health/live`).then(
    () => true,
    () => false,
  );

test('what keeps them from starting is said once', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  expect(await run('dist/bundle/main.js', [], { ...environment, PORT: String(port) })).toEqual({
    code: 1,
    stdout: '',
    stderr: `Port ${port} on 127.0.0.1 is in use: set PORT to another one.\n`,
  });
  other.close();
});
