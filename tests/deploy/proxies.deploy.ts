import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as requestHttps } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';

/* The examples in deploy/, with Debian's nginx and Caddy. What is not installed is left out. */

const host = 'kana.example.com';
let app: TestApp;
let directory: string;

beforeAll(async () => {
  app = await startTestApp({ withConsole: true, basePath: '/kana' });
  directory = await mkdtemp(join(tmpdir(), 'open-kana-proxy-'));
});
afterAll(async () => {
  await app.close();
  await rm(directory, { recursive: true, force: true });
});

interface Answer {
  status: number | undefined;
  headers: Record<string, unknown>;
  body: string;
}

/** Sends a request to the proxy on this machine, under the name in its configuration. */
async function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body = '' } = {},
): Promise<Answer> {
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    const sent = requestHttps(
      { host: '127.0.0.1', port, servername: host, path, method, rejectUnauthorized: false },
      resolve,
    );
    for (const [name, value] of Object.entries({ Host: host, ...headers })) sent.setHeader(name, value);
    sent.once('error', reject).end(body);
  });
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

async function untilAnswers(port: number, proxy: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (proxy.exitCode !== null) throw new Error(`the proxy ended with code ${proxy.exitCode}`);
    if ((await ask(port, '/kana/health/live').catch(() => null))?.status === 200) return;
    await sleep(50);
  }
  throw new Error('the proxy does not answer');
}

/** The example, with the addresses of this test. */
async function adapted(file: string, replacements: Record<string, string>): Promise<string> {
  let config = await readFile(join('deploy', file), 'utf8');
  for (const [found, put] of Object.entries(replacements)) {
    expect(config).toContain(found);
    config = config.replace(found, put);
  }
  return config;
}

async function startNginx(port: number): Promise<ChildProcess> {
  const [certificate, key] = [join(directory, 'proxy.pem'), join(directory, 'proxy.key')];
  const subject = [
    '-subj',
    `/CN=${host}`,
    '-days',
    '2',
    '-nodes',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
  ];
  spawnSync('openssl', ['req', '-x509', '-keyout', key, '-out', certificate, ...subject]);
  const server = await adapted('nginx.conf', {
    '127.0.0.1:4000': new URL(app.url).host,
    'listen 443 ': `listen 127.0.0.1:${port} `,
    '/etc/ssl/kana.example.com.pem': certificate,
    '/etc/ssl/kana.example.com.key': key,
  });
  const config = join(directory, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  );
  await writeFile(
    config,
    `user root; daemon off; pid ${directory}/nginx.pid; error_log stderr; events {} http { access_log off; ${temporary.join(' ')} ${server} }`,
  );
  return spawn('/usr/sbin/nginx', ['-e', 'stderr', '-c', config], { stdio: 'ignore' });
}

async function startCaddy(port: number): Promise<ChildProcess> {
  const server = await adapted('Caddyfile', {
    'kana.example.com {': `https://${host}:${port} {\n\ttls internal\n\tbind 127.0.0.1`,
    '127.0.0.1:4000': new URL(app.url).host,
  });
  const config = join(directory, 'Caddyfile');
  await writeFile(
    config,
    `{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tstorage file_system ${directory}/caddy\n}\n${server}`,
  );
  const env = {
    PATH: process.env.PATH,
    HOME: directory,
    XDG_DATA_HOME: directory,
    XDG_CONFIG_HOME: directory,
  };
  return spawn('/usr/bin/caddy', ['run', '--config', config, '--adapter', 'caddyfile'], {
    stdio: 'ignore',
    env,
  });
}

const proxies = [
  { name: 'nginx', file: '/usr/sbin/nginx', start: startNginx },
  { name: 'Caddy', file: '/usr/bin/caddy', start: startCaddy },
];

describe.each(proxies)('behind $name', ({ file, start }) => {
  const isInstalled = existsSync(file);
  const it = isInstalled ? test : test.skip;
  let proxy: ChildProcess;
  let port: number;
  beforeAll(async () => {
    if (!isInstalled) return;
    port = await freePort();
    proxy = await start(port);
    await untilAnswers(port, proxy);
  });
  afterAll(async () => {
    if (!isInstalled) return;
    const ended = new Promise((done) => proxy.once('exit', done));
    proxy.kill('SIGTERM');
    await ended;
  });

  it('the console is below the path, and nothing of it beside', async () => {
    for (const path of ['/kana', '/kana/', '/kana/test/users/some%2Fone']) {
      const { status, body } = await ask(port, path, { headers: { Accept: 'text/html' } });
      expect([path, status]).toEqual([path, 200]);
      const [, script = ''] = /src="([^"]+)"/.exec(body) ?? [];
      expect((await ask(port, script)).headers['content-type']).toBe('text/javascript; charset=utf-8');
    }
    expect((await ask(port, '/graphql')).headers['x-request-id']).toBeUndefined();
  });

  it('the session is for https only, and is taken', async () => {
    const headers = { 'X-Kana-Console': 'test', 'Content-Type': 'application/json' };
    const body = JSON.stringify({ key: app.keys.test });
    const signedIn = await ask(port, '/kana/console/session', { method: 'POST', headers, body });
    const [cookie = ''] = signedIn.headers['set-cookie'] as string[];
    expect(cookie).toMatch(/^__Host-kana_console_test~kana=\S+; Path=\/; .*; Secure$/);
    const [Cookie = ''] = cookie.split(';');
    const query = JSON.stringify({ query: '{ features { id } }' });
    const answer = await ask(port, '/kana/graphql', {
      method: 'POST',
      headers: { ...headers, Cookie },
      body: query,
    });
    expect([answer.status, answer.body]).toEqual([200, '{"data":{"features":[]}}']);
  });

  it('a body that is too large is refused in our words', async () => {
    const headers = { Authorization: app.keys.test, 'Content-Type': 'application/json' };
    const body = JSON.stringify({ query: `{ features { id } } # ${'x'.repeat(1.2 * 1024 * 1024)}` });
    const answer = await ask(port, '/kana/graphql', { method: 'POST', headers, body });
    expect([answer.status, answer.body]).toEqual([413, expect.stringContaining('PAYLOAD_TOO_LARGE')]);
  });
});
