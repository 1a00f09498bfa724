import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';

/*
 * The Dockerfile without an engine: its COPY and RUN lines are done in a plain directory, and what they made is started
 * as its ENTRYPOINT says and asked as its HEALTHCHECK does. The base image and the account are this machine's.
 */

interface Instruction {
  name: string;
  text: string;
}

let root: string;
let instructions: Instruction[];
let server: ChildProcess | undefined;

/** The image's paths, in the directory of this test. */
const placed = (text: string) =>
  text
    .replace(/(?<![\w./-])(\/(?:build|opt\/open-kana|data))\b/g, `${root}$1`)
    .replace('-o node -g node ', '');

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'open-kana-container-'));
  const lines = (await readFile('Dockerfile', 'utf8'))
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '');
  instructions = [...lines.matchAll(/^([A-Z]+) (.+)$/gm)].map(([, name = '', text = '']) => ({ name, text }));
});
afterAll(async () => {
  server?.kill('SIGKILL');
  await rm(root, { recursive: true, force: true });
});

const allOf = (name: string) => instructions.filter((each) => each.name === name).map(({ text }) => text);
const onlyOf = (name: string) => {
  const [text = '', ...more] = allOf(name);
  expect([name, more]).toEqual([name, []]);
  return text;
};

test('the Dockerfile has no mistakes that a linter finds', () => {
  const linter = ['--yes', '--package', 'dockerfile-utils@0.16.3', '--', 'dockerfile-utils', 'lint'];
  const { status, stdout } = spawnSync('npm', ['exec', ...linter, resolve('Dockerfile')], {
    encoding: 'utf8',
    cwd: root,
  });
  expect([status, stdout]).toEqual([0, '']);
  expect(onlyOf('USER')).toBe('node');
});

test('its steps make a server that is healthy, and stops on SIGTERM', async () => {
  let directory = root;
  for (const { name, text } of instructions) {
    if (name === 'WORKDIR') {
      directory = placed(text);
      await mkdir(directory, { recursive: true });
    }
    if (name === 'COPY' && text === '. .') await copyContext(directory);
    if (name === 'RUN') {
      // As in a container: NODE_ENV of the tests would leave out what builds.
      const env = { PATH: process.env.PATH, HOME: process.env.HOME };
      const { status, stderr } = spawnSync('sh', ['-c', placed(text)], {
        cwd: directory,
        env,
        encoding: 'utf8',
      });
      expect([text, status, status === 0 ? '' : stderr]).toEqual([text, 0, '']);
    }
  }
  // Nothing of the sources is needed any more.
  await rm(join(root, 'build'), { recursive: true });

  const port = await freePort();
  const variables = Object.fromEntries(
    placed(onlyOf('ENV'))
      .split(' ')
      .map((pair) => pair.split('=') as [string, string]),
  );
  const env = {
    ...variables,
    PATH: variables.PATH?.replace('$PATH', process.env.PATH ?? ''),
    PORT: `${port}`,
    HOST: '127.0.0.1',
  };
  const [program = '', ...words] = JSON.parse(placed(onlyOf('ENTRYPOINT'))) as string[];
  server = spawn(program, words, { env, cwd: root, stdio: 'ignore' });
  const ended = new Promise<number | null>((done) => server?.once('exit', done));
  const [check = '', ...checks] = JSON.parse(onlyOf('HEALTHCHECK').replace(/^.*?CMD /, '')) as string[];
  expect(spawnSync(check, checks, { env: { ...env, PORT: '1' } }).status).toBe(1);
  for (let attempt = 0; spawnSync(check, checks, { env }).status !== 0; attempt += 1) {
    expect([attempt < 300, server.exitCode]).toEqual([true, null]);
    await sleep(200);
  }
  const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { Accept: 'text/html' } });
  expect(page.status).toBe(200);
  server.kill('SIGTERM');
  expect(await ended).toBe(0);
});

/** What a build gets: the files in Git without those that .dockerignore names. */
async function copyContext(directory: string): Promise<void> {
  const ignored = (await readFile('.dockerignore', 'utf8')).split('\n').filter((line) => /^[^#]/.test(line));
  const patterns = ignored.map((line) => {
    const [start, path] = line.startsWith('**/') ? ['(^|/)', line.slice(3)] : ['^', line];
    return new RegExp(`${start}${path.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}(/|$)`);
  });
  const files = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).trim().split('\n');
  for (const file of files.filter((each) => !patterns.some((pattern) => pattern.test(each)))) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await cp(file, join(directory, file));
  }
}

async function freePort(): Promise<number> {
  const listening = createServer();
  await new Promise<void>((done) => listening.listen(0, '127.0.0.1', done));
  const { port } = listening.address() as { port: number };
  await new Promise((done) => listening.close(done));
  return port;
}

test('the compose file names a build, a health check, and variables that there are', async () => {
  const { services } = parse(await readFile('deploy/compose.yaml', 'utf8'));
  const example = await readFile('.env.example', 'utf8');
  for (const name of Object.keys(services.kana.environment)) expect(example).toContain(`#${name}=`);
  expect(services.kana.depends_on.postgres.condition).toBe('service_healthy');
  expect(services.postgres.healthcheck.test[0]).toBe('CMD');
  expect(services.kana.environment.KANA_SECRET_KEY).toContain(':?');
});

test('the systemd unit is valid, where systemd is installed', () => {
  const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', 'deploy/open-kana.service'], {
    encoding: 'utf8',
  });
  if (error !== undefined) return;
  // The program is another one where Node.js is not Debian's.
  const complaints = stderr
    .split('\n')
    .filter((line) => line.includes('open-kana.service') && !line.includes('/usr/bin/node'));
  expect([complaints, status === 0 || stderr.includes('/usr/bin/node')]).toEqual([[], true]);
});
