// The contestants as processes, and the load against one of them.
import { fork, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

/** Ours as `npm start` runs it; the others by their file. Resolves when it answers. */
export async function startServer(name, databaseUrl) {
  const port = await freePort();
  const ours = name.startsWith('ours');
  const env = {
    ...process.env,
    NODE_ENV: 'production',
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    KANA_DEMO: 'false',
    KANA_SECRET_KEY: 'the secret key of the benchmark',
  };
  const child = ours
    ? spawn(
        process.execPath,
        ['--enable-source-maps', '--heap-growing-percent=50', here('../dist/main.js')],
        {
          env,
          stdio: ['ignore', 'pipe', 'ignore'],
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

/** Puts one scenario on a server for so many seconds, from a process of its own. */
export function load({ port }, key, { scenario, connections }, seconds) {
  const url = `http://127.0.0.1:${port}`;
  const argument = JSON.stringify({ url, key, scenario, connections, seconds });
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [here('load.mjs'), argument], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.once('exit', (code) =>
      code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`load ended with ${code}`)),
    );
  });
}
