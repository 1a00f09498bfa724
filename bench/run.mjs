// `npm run bench`: measures all contestants in turn, round by round, and prints ratios of medians.
// Options: --quick (under three minutes), --history (10^4 against 10^7 events), --backfill (live traffic beside a
// rule that is applied to stored events), --migration (live traffic beside a migration of 10^5 subscribers),
// --growth (a record and a check in a database of 10^4 users, and of 10^6 with 10^7 events: CPU and WAL from a checkpoint
// to the next one, or of --calls N; then --load-rounds N of calls through the server. --users and --events make that
// smaller, --keep DIR fills the databases once for several runs, --alter SQL measures again after a change), --allowances (others have many top-ups, grants and reservations, against none), --webhooks (bursts of 10^5 messages
// to 50 webhooks, of which 10 hang and 5 fail, and recordUsage beside them), --statement (one statement by its size),
// --retention (an old month of --events N by --users N is replaced by its sums; --beside: calls meanwhile), --json FILE,
// --rounds N, --seconds N, --calls N (so many calls instead of seconds: CPU per call on a busy machine; not with --webhooks),
// --users N, --events N (in a burst of --webhooks, each for 50; or of --growth), --only 'noop|ours' (some measurements, without ratios),
// --generator wrk or autocannon
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { addOthers, allowanceMeasurements } from './allowances.mjs';
import { addUnmatched, backfillMeasurements, besideBackfill } from './backfill.mjs';
import { measureCeiling } from './contestants/ceiling.mjs';
import { startDatabases } from './database.mjs';
import { measureGrowth } from './growth.mjs';
import { addHistory } from './history.mjs';
import { addMovers, besideMigration, migrationMeasurements } from './migration.mjs';
import { report } from './report.mjs';
import { measureRetention } from './retention.mjs';
import { findGenerator, load, startServer } from './servers.mjs';
import { measureStatements } from './statement.mjs';
import { addTopUps } from './top-ups.mjs';
import { measureWebhooks } from './webhooks.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    history: { type: 'boolean' },
    backfill: { type: 'boolean' },
    migration: { type: 'boolean' },
    allowances: { type: 'boolean' },
    statement: { type: 'boolean' },
    webhooks: { type: 'boolean' },
    growth: { type: 'boolean' },
    retention: { type: 'boolean' },
    beside: { type: 'boolean' },
    users: { type: 'string' },
    alter: { type: 'string', multiple: true },
    events: { type: 'string' },
    keep: { type: 'string' },
    'load-rounds': { type: 'string' },
    json: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    calls: { type: 'string' },
    generator: { type: 'string' },
    only: { type: 'string' },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 3 : 5));
const seconds = Number(options.seconds ?? (options.quick ? 3 : 8));
const calls = options.calls && Number(options.calls);
const generator = options.generator ?? findGenerator();
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** What can be measured: a contestant, a scenario and a number of connections. */
const all = options.history
  ? [
      { name: 'record, 10^4 events', contestant: 'ours', scenario: 'record', connections: 64 },
      { name: 'record, 10^7 events', contestant: 'oursWithHistory', scenario: 'record', connections: 64 },
      { name: 'check, 10^4 events', contestant: 'ours', scenario: 'check', connections: 64 },
      { name: 'check, 10^7 events', contestant: 'oursWithHistory', scenario: 'check', connections: 64 },
    ]
  : [
      { name: 'noop', contestant: 'noop', scenario: 'record', connections: 64 },
      { name: 'bare', contestant: 'bare', scenario: 'record', connections: 64 },
      { name: 'naive', contestant: 'naive', scenario: 'recordOnce', connections: 64 },
      { name: 'postgraphile', contestant: 'postgraphile', scenario: 'recordPostgraphile', connections: 64 },
      { name: 'ours', contestant: 'ours', scenario: 'record', connections: 64 },
      { name: 'ours, with idempotency keys', contestant: 'ours', scenario: 'recordOnce', connections: 64 },
      { name: 'ours, record and check', contestant: 'ours', scenario: 'recordAndCheck', connections: 64 },
      { name: 'ours, check', contestant: 'ours', scenario: 'check', connections: 64 },
      { name: 'ours, users with top-ups', contestant: 'oursWithTopUps', scenario: 'record', connections: 64 },
      { name: 'ours, enforced', contestant: 'ours', scenario: 'recordEnforced', connections: 64 },
      { name: 'ours, one user and feature', contestant: 'ours', scenario: 'recordHot', connections: 64 },
      { name: 'ours, 1,000 a call', contestant: 'ours', scenario: 'recordThousand', connections: 4 },
      { name: 'ceiling', contestant: 'ceiling' },
      { name: 'ours, 1 connection', contestant: 'ours', scenario: 'recordOnce', connections: 1 },
      { name: 'naive, 1 connection', contestant: 'naive', scenario: 'recordOnce', connections: 1 },
    ];

const kinds = {
  allowances: allowanceMeasurements,
  migration: migrationMeasurements,
  backfill: backfillMeasurements,
};
const kind = ['allowances', 'migration', 'backfill', 'history'].find((each) => options[each]) ?? 'all';
const possible = kinds[kind] ?? all;
const measurements = options.only
  ? possible.filter(({ name }) => options.only.split('|').includes(name))
  : possible;
const contestants = [...new Set(measurements.map(({ contestant }) => contestant))];

/** A database for each contestant, copied from one template. */
async function makeDatabases(databases) {
  const urls = {};
  for (const name of contestants) urls[name] = await databases.copy(name.toLowerCase());
  if (contestants.includes('postgraphile')) {
    await databases.run('postgraphile', readFileSync(here('contestants/postgraphile.sql'), 'utf8'));
  }
  if (contestants.includes('oursWithTopUps')) await addTopUps(databases, 'ourswithtopups');
  if (options.history) {
    await addHistory(databases, 'ours', 10_000);
    await addHistory(databases, 'ourswithhistory', 10_000_000);
  }
  if (options.backfill) await addUnmatched(databases, 'ours');
  if (options.migration) await addMovers(databases, 'ours');
  if (options.allowances) await addOthers(databases);
  return urls;
}

/** What the measurement runs beside; null for nothing. */
function besideOf({ backfill, migration }) {
  if (backfill) return besideBackfill;
  return migration ? besideMigration : null;
}

/** Measures everything once; round 0 warms up and does not count. */
async function measure(round, { servers, urls, databases }, results) {
  const { key } = databases;
  const duration = round === 0 ? Math.min(2, seconds) : seconds;
  const amount = calls ? { calls } : { seconds: duration };
  // In one order and the other in turn: what comes first is at no advantage.
  for (const measurement of round % 2 === 0 ? measurements : measurements.toReversed()) {
    const { name, contestant } = measurement;
    const beside = besideOf(measurement);
    const run = () =>
      contestant === 'ceiling'
        ? measureCeiling(urls.ceiling, duration)
        : load(servers[contestant], databases, { ...measurement, ...amount, key, generator });
    const result = beside === null ? await run() : await beside(servers[contestant], key, run);
    if (result.failures > 0) throw new Error(`${name}: ${result.failures} calls failed`);
    if (round > 0) results.get(name).push(result);
    const { perSecond, serverMicros, postgresMicros, loadMicros } = result;
    const cpu = [serverMicros, postgresMicros, loadMicros].map((micros) => Math.round(micros)).join(' + ');
    const costs = serverMicros === undefined ? '' : `  CPU of a call, µs: ${cpu}`;
    process.stderr.write(`round ${round}/${rounds}  ${name}: ${Math.round(perSecond)}/s${costs}\n`);
  }
}

async function compare(databases) {
  const servers = {};
  try {
    const urls = await makeDatabases(databases);
    for (const name of contestants.filter((contestant) => contestant !== 'ceiling')) {
      servers[name] = await startServer(name, urls[name]);
    }
    const results = new Map(measurements.map(({ name }) => [name, []]));
    for (let round = 0; round <= rounds; round += 1) {
      await measure(round, { servers, urls, databases }, results);
    }
    const bars = options.only ? 'none' : kind;
    return report(results, bars, { generator, memoryMiB: servers.ours?.residentMiB() });
  } finally {
    for (const server of Object.values(servers)) await server.stop();
  }
}

async function measureAll(databases) {
  if (options.statement) return measureStatements(await databases.copy('statement'), seconds);
  if (options.growth)
    return measureGrowth(databases, {
      users: Number(options.users ?? 1_000_000),
      events: Number(options.events ?? 10_000_000),
      features: 1_000,
      rounds,
      calls: calls || 1_000_000,
      only: options.only?.split('|'),
      alter: options.alter ?? [],
      load: {
        rounds: Number(options['load-rounds'] ?? rounds),
        calls: Math.min(calls || 64_000, 64_000),
        generator,
      },
    });
  if (options.retention)
    return measureRetention(databases, {
      users: Number(options.users ?? 100_000),
      events: Number(options.events ?? 1_000_000),
      seconds,
      generator,
      isBusy: options.beside === true,
    });
  if (!options.webhooks) return compare(databases);
  const events = Number(options.events ?? 2_000);
  return measureWebhooks(databases, { events, rounds, seconds, generator });
}

const databases = await startDatabases(options.keep);
try {
  const summary = await measureAll(databases);
  if (options.json) writeFileSync(options.json, `${JSON.stringify(summary, null, 2)}\n`);
} finally {
  await databases.stop();
}
