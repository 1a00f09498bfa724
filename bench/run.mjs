// `npm run bench`: measures all contestants in turn, round by round, and prints ratios of medians.
// Options: --quick (under three minutes), --history (10^4 against 10^7 events), --json FILE, --rounds N, --seconds N
import { fork, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureCeiling } from './contestants/ceiling.mjs';
import { startDatabases } from './database.mjs';
import { addHistory } from './history.mjs';
import { report } from './report.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    history: { type: 'boolean' },
    json: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string' },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 3 : 5));
const seconds = Number(options.seconds ?? (options.quick ? 3 : 8));
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** What is measured: a contestant, a scenario and a number of connections. */
const measurements = options.history
  ? [
      { name: 'record, 10^4 events', contestant: 'ours', scenario: 'record', connections: 64 },
      { name: 'record, 10^7 events', contestant: 'oursWithHistory', scenario: 'record', connections: 64 },
      { name: 'check, 10^4 events', contestant: 'ours', scenario: 'check', connections: 64 },
      { name: 'check, 10^7 events', contestant: 'oursWithHistory', scenario: 'check', connections: 64 },
    ]
  : [
      { name: 'noop', contestant: 'noop', scenario: 'record', connections: 64 },
      { name: 'naive', contestant: 'naive', scenario: 'recordOnce', connections: 64 },
      { name: 'postgraphile', contestant: 'postgraphile', scenario: 'recordPostgraphile', connections: 64 },
      { name: 'ours', contestant: 'ours', scenario: 'record', connections: 64 },
      { name: 'ours, with idempotency keys', contestant: 'ours', scenario: 'recordOnce', connections: 64 },
      { name: 'ours, record and check', contestant: 'ours', scenario: 'recordAndCheck', connections: 64 },
      { name: 'ours, check', contestant: 'ours', scenario: 'check', connections: 64 },
      { name: 'ours, one user and feature', contestant: 'ours', scenario: 'recordHot', connections: 64 },
      { name: 'ours, 1,000 a call', contestant: 'ours', scenario: 'recordThousand', connections: 4 },
      { name: 'ceiling', contestant: 'ceiling' },
      { name: 'ours, 1 connection', contestant: 'ours', scenario: 'recordOnce', connections: 1 },
      { name: 'naive, 1 connection', contestant: 'naive', scenario: 'recordOnce', connections: 1 },
    ];

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

async function startServer(name, databaseUrl) {
  const port = await freePort();
  const ours = name.startsWith('ours');
  const env = { ...process.env, NODE_ENV: 'production', PORT: String(port), DATABASE_URL: databaseUrl, KANA_DEMO: 'false' };
  const child = ours
    ? spawn(process.execPath, ['--enable-source-maps', here('../dist/main.js')], { env, stdio: ['ignore', 'pipe', 'ignore'] })
    : fork(here(`contestants/${name}.mjs`), { env });
  await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
    if (ours) child.stdout.on('data', (text) => String(text).includes('answers at') && resolve());
    else child.once('message', resolve);
  });
  child.removeAllListeners('exit');
  return { port, child, stop: () => new Promise((resolve) => child.once('exit', resolve) && child.kill('SIGTERM')) };
}

function load(server, key, { scenario, connections }, duration) {
  const argument = JSON.stringify({
    url: `http://127.0.0.1:${server.port}/graphql`, key, scenario, connections, seconds: duration,
  });
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [here('load.mjs'), argument], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.once('exit', (code) => (code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`load ended with ${code}`))));
  });
}

/** Resident memory of a process now, in MiB. */
const residentMiB = ({ pid }) =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);

async function main() {
  const databases = await startDatabases();
  const servers = {};
  const results = new Map(measurements.map(({ name }) => [name, []]));
  try {
    const contestants = new Set(measurements.map(({ contestant }) => contestant));
    const urls = {};
    for (const name of contestants) urls[name] = await databases.copy(name.toLowerCase());
    if (contestants.has('postgraphile')) {
      await databases.run('postgraphile', readFileSync(here('contestants/postgraphile.sql'), 'utf8'));
    }
    if (options.history) {
      await addHistory(databases, 'ours', 10_000);
      await addHistory(databases, 'ourswithhistory', 10_000_000);
    }
    for (const name of contestants) {
      if (name !== 'ceiling') servers[name] = await startServer(name, urls[name]);
    }
    for (let round = 0; round <= rounds; round += 1) {
      for (const measurement of measurements) {
        // Round 0 warms everything up and does not count.
        const duration = round === 0 ? Math.min(2, seconds) : seconds;
        const result =
          measurement.contestant === 'ceiling'
            ? await measureCeiling(urls.ceiling, duration)
            : await load(servers[measurement.contestant], databases.key, measurement, duration);
        if (result.failures > 0) throw new Error(`${measurement.name}: ${result.failures} calls failed`);
        if (round > 0) results.get(measurement.name).push(result);
        process.stderr.write(`round ${round}/${rounds}  ${measurement.name}: ${Math.round(result.perSecond)}/s\n`);
      }
    }
    const memory = servers.ours && residentMiB(servers.ours.child);
    const summary = report(results, { history: options.history === true, memory });
    if (options.json) writeFileSync(options.json, `${JSON.stringify(summary, null, 2)}\n`);
  } finally {
    for (const server of Object.values(servers)) await server.stop();
    await databases.stop();
  }
}

await main();
