import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createEmptyDatabase, type TestDatabase } from '../helpers/database.ts';
import { parseFigures } from '../helpers/figures.ts';
import { endAll, ensureBuilt, type ServerProcess, startServer } from '../helpers/process.ts';

// What several processes count is told as one, whichever of them is asked.

const key = `prv_test_${'k'.repeat(32)}`;
const token = 'shown-to-prometheus-alone';
let database: TestDatabase;
let environment: Record<string, string>;

beforeAll(async () => {
  await ensureBuilt();
  database = await createEmptyDatabase();
  environment = { DATABASE_URL: database.url, KANA_TEST_PRIVATE_KEY: key, METRICS_TOKEN: token };
});

afterAll(async () => {
  endAll();
  await database.drop();
});

/** Over a connection of its own each time, so that the processes take turns. */
function send({ url }: ServerProcess, path: string, init: RequestInit = {}) {
  return fetch(url + path, { ...init, headers: { ...init.headers, Connection: 'close' } });
}

async function figures(server: ServerProcess) {
  const signal = AbortSignal.timeout(5_000);
  const answer = await send(server, '/metrics', { headers: { Authorization: `Bearer ${token}` }, signal });
  return parseFigures(await answer.text());
}

/** Reads until a figure is as wished. A connection that was handed to a process just killed is never answered. */
async function until(server: ServerProcess, isReached: (told: Map<string, number>) => boolean) {
  for (;;) {
    const told = await figures(server).catch(() => null);
    if (told !== null && isReached(told)) return;
    await sleep(50);
  }
}

const ask = (server: ServerProcess) =>
  send(server, '/graphql', {
    method: 'POST',
    headers: { Authorization: key, 'Content-Type': 'application/json' },
    body: JSON.stringify({ query: '{ users { id } }' }),
  });

const users = 'kana_requests_total{path="/graphql",operation="users",outcome="ok"}';

test('a process tells of itself', async () => {
  const server = await startServer(environment);
  await ask(server);
  const told = await figures(server);
  expect(told.get(users)).toBe(1);
  expect(told.get('process_resident_memory_bytes')).toBeGreaterThan(2 ** 25);
  expect(told.get('process_cpu_user_seconds_total')).toBeGreaterThan(0);
  expect(Math.abs((told.get('process_start_time_seconds') ?? 0) * 1_000 - Date.now())).toBeLessThan(600_000);
  expect([...told.keys()].filter((name) => name.startsWith('kana_build_info'))).toEqual([
    expect.stringMatching(/^kana_build_info\{version="\d+\.\d+\.\d+",node="v\d+/),
  ]);
  expect(told.get('kana_jobs_total{task="segment-sweep",outcome="ok"}') ?? 0).toBeGreaterThanOrEqual(0);
  await server.end('SIGTERM');
});

test('several processes are added up, and one that was killed is no longer counted', async () => {
  const server = await startServer({ ...environment, WEB_CONCURRENCY: '3' });
  for (let count = 0; count < 30; count += 1) await ask(server);

  for (let reading = 0; reading < 6; reading += 1) expect((await figures(server)).get(users)).toBe(30);
  const told = await figures(server);
  expect(told.get('kana_pool_limit{pool="live_hot"}')).toBe(21);
  expect(told.get('kana_requests_in_flight_limit{environment="live"}')).toBe(3_000);
  expect(told.get('kana_database_up')).toBe(1);

  const readings = await Promise.all(Array.from({ length: 8 }, () => figures(server)));
  expect(readings.map((each) => each.get(users))).toEqual(Array(8).fill(30));

  const { readFile } = await import('node:fs/promises');
  const children = await readFile(`/proc/${server.child.pid}/task/${server.child.pid}/children`, 'utf8');
  process.kill(Number(children.split(' ')[0]), 'SIGKILL');
  await until(server, (told) => (told.get(users) ?? 30) < 30);
  await until(server, (told) => told.get('kana_requests_in_flight_limit{environment="live"}') === 3_000);
  expect(await server.end('SIGTERM')).toBe(0);
  expect(server.stderr()).toBe('');
});
