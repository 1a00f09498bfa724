import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDataDir, ensureBuilt, type ServerProcess, startServer } from '../helpers/process.ts';
import { findPostgres, type Postgres } from './postgres.ts';

/*
 * A neighbour that does the most expensive work of `test`, all at once, while `live` goes on as usual. NOISE scales its
 * history: with 1 it has 9,800 users with 16 KB of metadata each, one user with 200,000 ADDs and 5,000 SETs, and two to
 * merge with 100,000 events each.
 */

const noise = Number(process.env.NOISE ?? 1);
/** How many calls of each of the three kinds are measured, alone and again beside the neighbour. */
const samples = Number(process.env.SAMPLES ?? 200);
const callers = 4;
/** How long the neighbour goes on at least. */
const noiseMs = 10_000;

const keys = { test: `prv_test_${'a'.repeat(32)}`, live: `prv_live_${'b'.repeat(32)}` };
const tell = (line: string) => process.stderr.write(`${line}\n`);

let directory: Awaited<ReturnType<typeof createDataDir>>;
let server: ServerProcess;
let postgres: Postgres;
const agent = new Agent({ keepAlive: true, maxSockets: callers });

beforeAll(async () => {
  await ensureBuilt();
  directory = await createDataDir();
  server = await startServer({
    DATA_DIR: directory.dataDir,
    KANA_TEST_PRIVATE_KEY: keys.test,
    KANA_LIVE_PRIVATE_KEY: keys.live,
    KANA_DEMO: 'false',
    LOG_LEVEL: 'error',
  });
  postgres = findPostgres(directory.dataDir);
  for (const environment of ['test', 'live'] as const) await furnish(environment);
  await fillHistory();
}, 600_000);

afterAll(async () => {
  agent.destroy();
  await server?.end('SIGTERM');
  await directory?.remove();
});

function send(path: string, body: string, key: string): Promise<string> {
  const headers = { authorization: key, 'content-type': 'application/json' };
  return new Promise((done, failed) => {
    const sent = request(`${server.url}${path}`, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => done(text));
    });
    sent.on('error', failed);
    sent.end(body);
  });
}

const operation = (query: string) => JSON.stringify({ query });

async function furnish(environment: 'test' | 'live'): Promise<void> {
  for (const query of [
    'mutation { createFeature(input: { id: "calls", type: CONSUMABLE }) { id } }',
    `mutation { createPackage(input: { id: "basic", features: [
       { id: "calls", entitlement: { limit: 1000000000, resetPeriod: MONTH } }] }) { id } }`,
    'mutation { publishPackage(id: "basic") { id } }',
    ...[0, 1, 2, 3].flatMap((index) => [
      `mutation { createUser(input: { id: "crowd-${index}" }) { id } }`,
      `mutation { subscribe(userId: "crowd-${index}", packageIds: ["basic"]) { id } }`,
    ]),
  ])
    expect(await send('/graphql', operation(query), keys[environment])).not.toContain('errors');
}

/** The neighbour's large data, written directly: by calls it would take minutes. */
async function fillHistory(): Promise<void> {
  const events = (userId: string, count: number, sets: number) => `
    insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at)
    select key, environment_id, 'calls', (case when n % ${Math.ceil(count / sets)} = 0 then 'SET' else 'ADD' end)::"UsageAction",
      1, now() - n * interval '10 seconds'
    from "user", generate_series(1, ${count}) n where environment_id = 'test' and id = '${userId}'`;
  const user = (id: string, metadata: string) =>
    `insert into "user" (environment_id, id, metadata, updated_at) select 'test', ${id}, ${metadata}, now()`;
  for (const sql of [
    `${user("'customer-' || n", "jsonb_build_object('notes', repeat(md5(n::text), 500))")} from generate_series(1, ${Math.round(9_800 * noise)}) n`,
    ...['storied', 'first-of-two', 'first-other', 'second-of-two', 'second-other'].map((id) =>
      user(`'${id}'`, "'{}'"),
    ),
    events('storied', Math.round(205_000 * noise), Math.round(5_000 * noise)),
    ...['first', 'second'].map((pair) => events(`${pair}-other`, Math.round(100_000 * noise), 100)),
    'analyze',
  ])
    await postgres.query(sql);
}

type Latencies = Record<string, number[]>;

/** Measures the usual calls of `live`, until there are enough of each kind and `isEnough` holds. */
async function measure(isEnough: () => boolean): Promise<{ latencies: Latencies; answers: string[] }> {
  const latencies: Latencies = { recordUsage: [], users: [], segment: [] };
  const answers = new Set<string>();
  let count = 0;
  const calls: Record<string, () => Promise<string>> = {
    recordUsage: () =>
      send(
        '/graphql',
        operation(
          `mutation { recordUsage(input: { userId: "crowd-${count % 4}", featureId: "calls" }) { recorded } }`,
        ),
        keys.live,
      ),
    users: () => send('/graphql', operation('{ users(first: 1) { id } }'), keys.live),
    segment: () =>
      send(
        '/segment/events',
        JSON.stringify({
          type: 'track',
          event: 'Called',
          userId: `crowd-${count % 4}`,
          messageId: randomUUID(),
          properties: { featureId: 'calls' },
        }),
        keys.live,
      ),
  };
  const hasEnough = () => isEnough() && Object.values(latencies).every((list) => list.length >= samples);
  async function run() {
    while (!hasEnough()) {
      for (const [kind, call] of Object.entries(calls)) {
        count += 1;
        const startedAt = performance.now();
        const answer = await call();
        latencies[kind]?.push(performance.now() - startedAt);
        if (!/"recorded":true|"id":"|"outcome":"RECORDED"/.test(answer)) answers.add(answer.slice(0, 300));
        await sleep(5);
      }
    }
  }
  await Promise.all(Array.from({ length: callers }, run));
  return { latencies, answers: [...answers] };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function describeLatencies(title: string, latencies: Latencies): void {
  for (const [kind, values] of Object.entries(latencies)) {
    const [p50, p99, max] = [0.5, 0.99, 1].map((share) => percentile(values, share).toFixed(1));
    tell(`${title} ${kind}: ${values.length} calls, p50 ${p50} ms, p99 ${p99} ms, longest ${max} ms`);
  }
}

test('a neighbour that does its worst in `test` does not delay `live`', async () => {
  const alone = await measure(() => true);
  describeLatencies('alone ', alone.latencies);

  const neighbour = spawn(process.execPath, [resolve('tests/crash/noise.mjs'), server.url, keys.test], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  neighbour.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const ended = once(neighbour, 'close');
  await until(() => said.startsWith('begun'));
  const beganAt = performance.now();
  const beside = await measure(() => performance.now() - beganAt > noiseMs);
  describeLatencies('beside', beside.latencies);
  neighbour.stdin.end();
  await ended;
  tell(`the neighbour's answers: ${said.slice('begun\n'.length)}`);

  expect({ alone: alone.answers, beside: beside.answers }).toEqual({ alone: [], beside: [] });
  expect(said).not.toContain('INTERNAL_SERVER_ERROR');
  for (const [kind, values] of Object.entries(beside.latencies)) {
    const bar = 10 * percentile(alone.latencies[kind] ?? [], 0.99);
    expect({ kind, isFast: percentile(values, 0.99) <= bar }).toEqual({ kind, isFast: true });
  }
}, 600_000);

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}
