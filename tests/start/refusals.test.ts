import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ensureBuilt, run } from '../helpers/process.ts';

const other = createServer();

beforeAll(ensureBuilt, 120_000);

afterAll(() => {
  other.close();
});

const start = (env: Record<string, string>) => run('dist/bundle/main.js', [], env);

test('every bad variable is named in one line', async () => {
  expect(await start({ PORT: 'http', KANA_DEMO: 'perhaps' })).toEqual({
    code: 1,
    stdout: '',
    stderr: 'Bad configuration: PORT must be a port number, 0 to 65535; KANA_DEMO must be true or false.\n',
  });
});

test('a port in use is told before any database is touched', async () => {
  await once(other.listen(0, '127.0.0.1'), 'listening');
  const { port } = other.address() as AddressInfo;

  expect(await start({ PORT: String(port), DATA_DIR: join(tmpdir(), 'open-kana-never-made') })).toEqual({
    code: 1,
    stdout: '',
    stderr: `Port ${port} on 127.0.0.1 is in use: set PORT to another one.\n`,
  });
});

test('a limit of open files that is too low is told', async () => {
  const child = spawn('sh', ['-c', `ulimit -n 300; exec "${process.execPath}" dist/bundle/main.js`], {
    env: { PORT: '0', DATA_DIR: join(tmpdir(), 'open-kana-never-made') },
  });
  const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')]);
  expect(child.exitCode).toBe(1);
  expect(stderr).toBe(
    'This process may open 300 files at once, and needs at least 320: raise the limit (ulimit -n).\n',
  );
});

test('a data directory that cannot be made is told', async () => {
  const DATA_DIR = join(process.execPath, 'data');
  expect(await start({ PORT: '0', DATA_DIR })).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(
      /^The embedded PostgreSQL cannot keep its files in \S+: ENOTDIR: not a directory, \S+ '\S+'\.\n$/,
    ),
  });
});

test("a server on a database of one's own says that it needs a secret key, before it touches anything", async () => {
  const DATABASE_URL = 'postgresql://kana:secret@127.0.0.1:1/kana';
  expect(await start({ PORT: '0', DATABASE_URL, KANA_SECRET_KEY: '' })).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(
      /^Set KANA_SECRET_KEY beside DATABASE_URL: .* at least 32 characters, .*\n$/,
    ),
  });
});

test('a database that cannot be reached is told within seconds, without the password', async () => {
  const DATABASE_URL = 'postgresql://kana:secret@127.0.0.1:1/kana';
  expect(await start({ PORT: '0', DATABASE_URL })).toEqual({
    code: 1,
    stdout: '',
    stderr: 'The database at 127.0.0.1:1/kana cannot be used: connect ECONNREFUSED 127.0.0.1:1.\n',
  });
});

test('a database that refuses the password is told at once', async () => {
  const url = new URL(process.env.TEST_DATABASE_TEMPLATE ?? '');
  url.password = 'wrong';
  expect(await start({ PORT: '0', DATABASE_URL: url.toString() })).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(
      /^The database at \S+ cannot be used: password authentication failed .*\.\n$/,
    ),
  });
});
