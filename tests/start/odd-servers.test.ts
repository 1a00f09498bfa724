import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDatabase } from '../../src/database/client.ts';
import { settledUntil } from '../../src/database/settled.ts';
import { type EmbeddedServer, startEmbedded } from '../../src/embedded-postgres/server.ts';
import { type Ended, endAll, ensureBuilt, run, startServer } from '../helpers/process.ts';
import { onServer, withDatabase } from '../helpers/server.ts';

// PostgreSQL as operators run it: behind TLS, a socket or a pooler, as a standby, with a synchronous standby. These
// are settings of a whole server, so the tests have one of their own.

let dataDir: string;
let files: string;
let postgres: EmbeddedServer;

beforeAll(async () => {
  await ensureBuilt();
  dataDir = await mkdtemp(join(tmpdir(), 'open-kana-odd-'));
  await chmod(dataDir, 0o755);
  postgres = await startEmbedded({ dataDir });
  files = await realpath(join(dataDir, 'postgres/cluster'));
});

afterAll(async () => {
  endAll();
  await postgres.stop();
  for (const path of [join(files, '..'), dataDir]) await rm(path, { recursive: true, force: true });
});

async function alterSystem(change: string): Promise<void> {
  await onServer(postgres.url, `alter system ${change}`);
  await onServer(postgres.url, 'select pg_reload_conf()');
}
const restart = async () => {
  await postgres.stop();
  postgres = await startEmbedded({ dataDir });
};
const withParameters = (parameters: Record<string, string>) => {
  const url = new URL(postgres.url);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
};
/** Gives a file to the account that owns the server's files, as PostgreSQL demands of keys. */
async function writeForServer(name: string, text: string | Buffer): Promise<void> {
  await writeFile(join(files, name), text, { mode: 0o600 });
  const { uid, gid } = await stat(files);
  if (process.getuid?.() === 0) spawnSync('chown', [`${uid}:${gid}`, join(files, name)]);
}

const key = `prv_test_${'k'.repeat(32)}`;
const environment = (databaseUrl: string) => ({ DATABASE_URL: databaseUrl, KANA_TEST_PRIVATE_KEY: key });
/** A start that ends by itself, because it is refused. */
const refused = (databaseUrl: string): Promise<Ended> =>
  run('dist/bundle/main.js', [], { PORT: '0', ...environment(databaseUrl) });

async function call(url: string, query: string) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: key, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return { status: response.status, body: await response.json() };
}

async function startAndList(databaseUrl: string): Promise<unknown> {
  const server = await startServer(environment(databaseUrl));
  const { body } = await call(server.url, '{ users { id } }');
  expect(await server.end('SIGTERM')).toBe(0);
  return body;
}
const empty = { data: { users: [] } };

test('a self-signed certificate is refused with advice, and the advice works', async () => {
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-keyout', join(dataDir, 'key.pem'), '-out', join(dataDir, 'cert.pem')],
  ]);
  expect(made.status).toBe(0);
  await writeForServer('server.key', await readFile(join(dataDir, 'key.pem')));
  await writeForServer('server.crt', await readFile(join(dataDir, 'cert.pem')));
  await alterSystem('set ssl = on');

  const { code, stderr } = await refused(withParameters({ sslmode: 'require' }));
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^The database at 127\.0\.0\.1:\d+\/open_kana cannot be used: [^\n]*self-signed certificate; in DATABASE_URL, add sslrootcert=[^\n]*sslmode=no-verify[^\n]*\n$/,
  );
  const trusted = withParameters({ sslmode: 'require', sslrootcert: join(dataDir, 'cert.pem') });
  expect(await startAndList(trusted)).toEqual(empty);
  expect(await startAndList(withParameters({ sslmode: 'no-verify' }))).toEqual(empty);
});

test('a list that is followed waits for rows of a transaction that is prepared for two-phase commit', async () => {
  await alterSystem('set max_prepared_transactions = 1');
  await restart();
  const database = openDatabase(postgres.url);
  const { prisma, work } = database.of('test');
  const idle = await settledUntil(prisma, 'user');
  const session = await work.connect();
  await session.query('begin');
  await session.query(`insert into "user" (environment_id, id, updated_at) values ('test', 'early', now())`);
  await session.query(`prepare transaction 'early'`);
  const prepared = await settledUntil(prisma, 'user');
  await session.query(`rollback prepared 'early'`);
  session.release();
  await database.close();
  expect(prepared.getTime()).toBeLessThan(idle.getTime());
});

test('a socket of the machine', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'open-kana-socket-'));
  await chmod(directory, 0o777);
  await alterSystem(`set unix_socket_directories = '${directory}'`);
  await restart();
  const { username, password, port } = new URL(postgres.url);
  const url = `postgresql://${username}:${password}@/open_kana?host=${encodeURIComponent(directory)}&port=${port}`;
  expect(await startAndList(url)).toEqual(empty);
  await alterSystem('reset unix_socket_directories');
  await restart();
  await rm(directory, { recursive: true });
});

test('while a synchronous standby is gone, calls are answered that nothing can be written, and nobody waits', async () => {
  const server = await startServer(environment(postgres.url));
  const create = (id: string) => call(server.url, `mutation { createUser(input: { id: "${id}" }) { id } }`);
  expect((await create('before')).status).toBe(200);

  await alterSystem("set synchronous_standby_names = 'gone'");
  const { status, body } = await create('during');
  expect(status).toBe(503);
  expect(body.errors[0].extensions.code).toBe('SERVICE_UNAVAILABLE');
  expect((await fetch(`${server.url}/health/ready`)).status).toBe(503);

  await alterSystem('reset synchronous_standby_names');
  while ((await fetch(`${server.url}/health/ready`)).status !== 200) await sleep(50);
  expect((await create('after')).status).toBe(200);
  const users = (await call(server.url, '{ users { id } }')).body;
  expect(users).toEqual({ data: { users: ['before', 'during', 'after'].map((id) => ({ id })) } });
  expect(await server.end('SIGTERM')).toBe(0);
});

test('a first start without the synchronous standby says so, and ends', async () => {
  await onServer(postgres.url, 'create database without_standby');
  await alterSystem("set synchronous_standby_names = 'gone'");
  const { host } = new URL(postgres.url);
  expect(await refused(withDatabase(postgres.url, 'without_standby'))).toEqual({
    code: 1,
    stdout: '',
    stderr:
      `The database at ${host}/without_standby completes no commit: its synchronous standby does not answer ` +
      '(see synchronous_standby_names).\n',
  });
  await alterSystem('reset synchronous_standby_names');
  expect(await startAndList(withDatabase(postgres.url, 'without_standby'))).toEqual(empty);
});

const pgbouncer = [process.env.PGBOUNCER_PATH, '/usr/sbin/pgbouncer'].find(
  (path) => path !== undefined && existsSync(path),
);
/** Skipped, and shown as such, where PgBouncer is missing; `.ci/run` installs it. */
const testPooler = pgbouncer === undefined ? test.skip : test;

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

testPooler(
  'PgBouncer: a session for each connection works, one for each transaction is refused',
  async () => {
    const { hostname, port, username, password } = new URL(postgres.url);
    for (const mode of ['session', 'transaction']) {
      const poolerPort = await freePort();
      const settings = join(dataDir, `pgbouncer-${mode}.ini`);
      const list = join(dataDir, 'userlist.txt');
      await writeFile(list, `"${username}" "${password}"\n`, { mode: 0o644 });
      await writeFile(
        settings,
        `[databases]\nopen_kana = host=${hostname} port=${port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n` +
          `listen_port = ${poolerPort}\nunix_socket_dir =\nauth_type = plain\nauth_file = ${list}\n` +
          `pool_mode = ${mode}\ndefault_pool_size = 60\nignore_startup_parameters = extra_float_digits\n`,
      );
      const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
      const pooler = spawn(pgbouncer ?? '', [settings], { stdio: 'ignore', ...asNobody });
      try {
        const url = new URL(postgres.url);
        url.port = String(poolerPort);
        if (mode === 'session') expect(await startAndList(url.href)).toMatchObject({ data: {} });
        else
          expect(await refused(url.href)).toEqual({
            code: 1,
            stdout: '',
            stderr:
              `The database at 127.0.0.1:${poolerPort}/open_kana is behind a pooler that gives each transaction another ` +
              'session; a session for each connection is needed (PgBouncer: pool_mode = session).\n',
          });
      } finally {
        pooler.kill('SIGKILL');
      }
    }
  },
);

test('a standby is refused', async () => {
  await postgres.stop();
  await writeForServer('standby.signal', '');
  postgres = await startEmbedded({ dataDir });
  const { host } = new URL(postgres.url);
  expect(await refused(postgres.url)).toEqual({
    code: 1,
    stdout: '',
    stderr: `The database at ${host}/open_kana is a standby, which takes no writes; name the primary in DATABASE_URL.\n`,
  });
});
