// The contestants as processes, and the load against one of them.
import { fork, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { canCount, cpuSeconds } from './cpu.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

/** Ours as `npm start` runs it; the others by their file. Resolves when it answers. */
export async function startServer(name, databaseUrl, settings = {}) {
  const port = await freePort();
  const ours = name.startsWith('ours');
  const env = {
    ...process.env,
    NODE_ENV: 'production',
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    KANA_DEMO: 'false',
    KANA_SECRET_KEY: 'the secret key of the benchmark server',
    ...settings,
  };
  const child = ours
    ? spawn(
        process.execPath,
        ['--enable-source-maps', '--heap-growing-percent=50', here('../dist/bundle/main.js')],
        {
          env,
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      )
    : fork(here(`contestants/${name}.mjs`), { env });
  await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
    if (ours) child.stdout.on('data', (text) => String(text).includes('answers at') && resolve());
    else child.once('message', resolve);
  });
  child.removeAllListeners('exit');
  return {
    port,
    residentMiB: () => residentMiB(child.pid),
    cpuSeconds: () => (canCount ? cpuSeconds(child.pid) : 0),
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', resolve);
        child.kill('SIGTERM');
      }),
  };
}

/** The most memory that was resident of a process so far, in MiB; undefined where the system does not tell as Linux does. */
function residentMiB(pid) {
  if (process.platform !== 'linux') return undefined;
  const kibibytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return kibibytes === undefined ? undefined : Math.round(Number(kibibytes) / 1024);
}

/** wrk costs a fifth of autocannon, so it leaves more of the machine to those who are measured. */
export const findGenerator = () =>
  spawnSync('wrk', ['--version']).error === undefined ? 'wrk' : 'autocannon';

/**
 * Puts one scenario on a server for so many seconds or calls, from a process of its own. Answers rates, latencies, and
 * the CPU time of a call in microseconds: of the server, of PostgreSQL and of the load.
 */
export async function load(server, postgres, sent) {
  const argument = JSON.stringify({ ...sent, url: `http://127.0.0.1:${server.port}` });
  let cpu;
  // What servers do while the load is prepared is not a cost of its calls.
  const { loadCpu, ...result } = await runLoad(argument, () => {
    cpu = { server: server.cpuSeconds(), postgres: postgres.cpuSeconds() };
  });
  const perCall = (seconds) => (seconds * 1e6) / result.requests;
  const serverMicros = perCall(server.cpuSeconds() - cpu.server);
  const postgresMicros = perCall(postgres.cpuSeconds() - cpu.postgres);
  return {
    ...result,
    serverMicros,
    postgresMicros,
    cpuMicros: serverMicros + postgresMicros,
    loadMicros: perCall(loadCpu ?? 0),
  };
}

function runLoad(argument, onBegin) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [here('load.mjs'), argument], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.once('data', onBegin);
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.once('exit', (code) =>
      code === 0 ? resolve(JSON.parse(text.split('\n')[1])) : reject(new Error(`load ended with ${code}`)),
    );
  });
}
