import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import {
  createDataDir,
  ensureBuilt,
  npmStart,
  postgresRuns,
  type ServerProcess,
  startServer,
} from '../helpers/process.ts';

let directory: Awaited<ReturnType<typeof createDataDir>>;
let dataDir: string;
let key: string;

beforeAll(async () => {
  await ensureBuilt();
  directory = await createDataDir();
  dataDir = directory.dataDir;
});

afterAll(() => directory.remove());

/** How many API calls the demo's user has used, as the server tells it. */
async function usedCalls({ url }: ServerProcess): Promise<unknown> {
  const query = '{ canUseFeature(userId: "demo-user", featureId: "api-calls") { consumption { used } } }';
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: key, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { data } = (await response.json()) as { data: { canUseFeature: { consumption: { used: number } } } };
  return data.canUseFeature.consumption.used;
}

test('the first start prints the address, the keys, and a call that works as it stands', async () => {
  const server = await startServer({ DATA_DIR: dataDir });
  const printed = server.stdout();

  expect(printed).toMatch(/^Open Kana answers at http:\/\/127\.0\.0\.1:\d+\n/);
  expect(printed).toContain(`Console:  ${server.url}/\nGraphiQL: ${server.url}/graphql\n`);
  for (const shape of ['test private  prv_test', 'test public   pub_test', 'live private  prv_live'])
    expect(printed).toMatch(new RegExp(`  ${shape}_[A-Za-z0-9]{32}\n`));
  key = /prv_test_\w{32}/.exec(printed)?.[0] ?? '';

  const call = printed.split('\n').find((line) => line.startsWith('curl '));
  const pasted = spawnSync('sh', ['-c', call ?? 'false'], { encoding: 'utf8' });
  expect(JSON.parse(pasted.stdout)).toEqual({
    data: {
      recordUsage: {
        recorded: true,
        entitlement: { access: true, consumption: { used: 1, budget: 10_000 } },
      },
    },
  });

  expect(await server.end('SIGTERM')).toBe(0);
  expect(server.stderr()).toBe('');
  expect(await postgresRuns(dataDir)).toBe(false);
});

test('a later start prints the address alone, and has kept everything', async () => {
  const server = await startServer({ DATA_DIR: dataDir });

  expect(server.stdout()).toBe(`Open Kana answers at ${server.url}\n`);
  expect(await usedCalls(server)).toBe(1);

  expect(await server.end('SIGINT')).toBe(0);
  expect(await postgresRuns(dataDir)).toBe(false);
});

async function maxConnections(): Promise<number> {
  const password = await readFile(join(dataDir, 'postgres/password'), 'utf8');
  const [, , , port] = (await readFile(join(dataDir, 'postgres/cluster/postmaster.pid'), 'utf8')).split('\n');
  const client = new Client({
    connectionString: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
  });
  await client.connect();
  const { rows } = await client.query(`select current_setting('max_connections')::int as connections`);
  await client.end();
  return rows[0].connections;
}

test('after a kill the next start finds the database as it was', async () => {
  const killed = await startServer({ DATA_DIR: dataDir });
  expect(await killed.end('SIGKILL')).toBeNull();
  expect(await postgresRuns(dataDir)).toBe(true);

  // More processes need more connections than PostgreSQL was left running with.
  expect(await maxConnections()).toBe(100);
  const server = await startServer({ DATA_DIR: dataDir, WEB_CONCURRENCY: '3' });
  expect(await usedCalls(server)).toBe(1);
  expect(await maxConnections()).toBe(200);
  await server.end('SIGKILL');
  const pid = Number.parseInt(await readFile(join(dataDir, 'postgres/cluster/postmaster.pid'), 'utf8'), 10);
  process.kill(pid, 'SIGKILL');

  const last = await startServer({ DATA_DIR: dataDir });
  expect(await usedCalls(last)).toBe(1);
  expect(await last.end('SIGTERM')).toBe(0);
  expect(await postgresRuns(dataDir)).toBe(false);
});

test('two instances in one directory share the database until the last one stops', async () => {
  const [first, second] = await Promise.all([
    startServer({ DATA_DIR: dataDir }),
    startServer({ DATA_DIR: dataDir }),
  ]);
  expect(await first.end('SIGHUP')).toBe(0); // As when its terminal is closed.
  expect(await usedCalls(second)).toBe(1);
  expect(await second.end('SIGTERM')).toBe(0);
  expect(await postgresRuns(dataDir)).toBe(false);
});

test('stopping npm stops the server too, and PostgreSQL with it', async () => {
  const npm = await npmStart({ DATA_DIR: dataDir });
  expect(await usedCalls(npm)).toBe(1);

  npm.child.kill('SIGTERM');
  await new Promise((closed) => npm.child.once('close', closed)); // Its output ends with the server.

  expect(await postgresRuns(dataDir)).toBe(false);
});
