import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createEmptyDatabase, type TestDatabase } from '../helpers/database.ts';
import {
  createDataDir,
  ensureBuilt,
  postgresRuns,
  run,
  type ServerProcess,
  startServer,
} from '../helpers/process.ts';

/* A person leaves the embedded database, works on a PostgreSQL of their own, and comes back. */

let first: Awaited<ReturnType<typeof createDataDir>>;
let second: typeof first;
let own: TestDatabase;
let directory: string;
let key = '';

beforeAll(async () => {
  await ensureBuilt();
  first = await createDataDir();
  second = await createDataDir();
  own = await createEmptyDatabase();
  directory = await mkdtemp(join(tmpdir(), 'open-kana-move-'));
});
afterAll(async () => {
  await first.remove();
  await second.remove();
  await own.drop();
  await rm(directory, { recursive: true, force: true });
});

async function ask<Data>(server: ServerProcess, query: string): Promise<Data> {
  const answer = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: key, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return (await answer.json()).data;
}

/** Records 3 and answers what is used now. */
async function record(server: ServerProcess): Promise<unknown> {
  const data = await ask<{ recordUsage: { entitlement: { consumption: { used: number } } } }>(
    server,
    'mutation { recordUsage(input: { userId: "demo-user", featureId: "api-calls", delta: 3 }) { entitlement { consumption { used } } } }',
  );
  return data.recordUsage.entitlement.consumption.used;
}

test('out, with usage there, and back: nothing is lost', async () => {
  const embedded = { DATA_DIR: first.dataDir };
  let server = await startServer(embedded);
  [key = ''] = /prv_test_\w{32}/.exec(server.stdout()) ?? [];
  expect(await record(server)).toBe(3);
  const token = await ask(server, 'mutation { generateUserToken(userId: "demo-user") { token } }');
  expect(token).not.toBeNull();

  const running = await run('dist/bundle/move.js', ['--to', own.url], embedded);
  expect(running.stderr).toContain('stop it first');
  const online = join(directory, 'online.backup');
  expect(await run('dist/bundle/backup.js', [online], embedded)).toMatchObject({ code: 0 });
  await server.end('SIGTERM');

  const out = await run('dist/bundle/move.js', ['--to', own.url], embedded);
  expect(out).toMatchObject({ code: 0 });
  expect(out.stdout).toContain(`KANA_SECRET_KEY to what is in ${first.dataDir}/secret-key`);
  expect(out.stdout).toContain('verify: 1 users, 0 differences');
  const secretKey = (await readFile(join(first.dataDir, 'secret-key'), 'utf8')).trim();
  const elsewhere = { DATABASE_URL: own.url, KANA_SECRET_KEY: secretKey };

  server = await startServer(elsewhere);
  expect(await record(server)).toBe(6);
  await server.end('SIGTERM');

  const back = { ...elsewhere, DATA_DIR: second.dataDir };
  // Killed, it leaves PostgreSQL running, which the next one finds. Interrupted, it stops it.
  for (const [signal, isLeft] of [
    ['SIGKILL', true],
    ['SIGINT', false],
  ] as const) {
    const child = spawn(process.execPath, ['dist/bundle/move.js', '--to', 'embedded'], {
      env: { ...process.env, ...back },
    });
    child.stderr.on('data', () => child.kill(signal));
    await once(child, 'close');
    expect(await postgresRuns(second.dataDir)).toBe(isLeft);
  }
  expect(await run('dist/bundle/move.js', ['--to', 'embedded'], back)).toMatchObject({ code: 0 });
  const again = await run('dist/bundle/move.js', ['--to', 'embedded'], back);
  expect(again).toMatchObject({ code: 1, stdout: '' });
  expect(again.stderr).toMatch(/is in use: the table \w+ has rows/);

  const home = { DATA_DIR: second.dataDir, KANA_SECRET_KEY: secretKey };
  server = await startServer(home);
  expect(await record(server)).toBe(9);
  expect(await run('dist/bundle/verify.js', [], home)).toEqual({
    code: 0,
    stdout: '1 users verified, 0 counters differ from the ledger.\n',
    stderr: '',
  });
  await server.end('SIGTERM');

  // The backup of the first day, on an empty directory.
  const third = await createDataDir();
  const restored = await run('dist/bundle/restore.js', [online], { DATA_DIR: third.dataDir });
  expect(restored).toMatchObject({ code: 0 });
  expect(restored.stdout).toContain('Before you start the server, set KANA_SECRET_KEY');
  server = await startServer({ DATA_DIR: third.dataDir, KANA_SECRET_KEY: secretKey });
  expect(await record(server)).toBe(6);
  await third.remove();
});
