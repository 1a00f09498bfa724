// The job that replaces an old month of the ledger by sums: how long it takes, its CPU time, memory and log, what the disk
// gains, and what calls cost beside it.

import { readFileSync } from 'node:fs';
import pg from 'pg';
import { sealLogs } from '../dist/seals/seal.js';
import { rollUp } from '../dist/usage/rollup/rollup.js';
import { canCount, cpuSeconds } from './cpu.mjs';
import { features } from './database.mjs';
import { load, startServer } from './servers.mjs';

const database = 'retention';
const callsAtOnce = 16;
const scenarios = { recordUsage: 'recordOld', canUseFeature: 'checkOld' };

/** A month that was recorded ten months ago: a tenth of it by one user, the rest of users at random, ten usages in an hour. */
async function fill({ run, copy }, { users, events }) {
  process.stderr.write(`${users} users, ${events} events\n`);
  await copy(database);
  const sql = [
    `insert into "user" (environment_id, id, updated_at)
       select 'test', 'old-' || n, now() from generate_series(0, ${users - 1}) n`,
    `insert into subscription (user_key, environment_id, package_id, is_addon, started_at)
       select key, 'test', 'base', false, now() - interval '400 days' from "user" where id like 'old-%'`,
    'alter table usage_event drop constraint usage_event_pkey; drop index usage_event_id_idx',
    `insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at, recorded_at)
       select first.key + case when n % 10 = 0 then 0 else abs(hashint8(n / 100)::bigint + n % 10 * 7919) % ${users} end, 'test',
         'feature-' || abs(hashint8(n / 100 + 1000000007)::bigint + n % 10) % ${features}, 'ADD', 1, at, at
       from generate_series(1, ${events}) n, (select min(key) as key from "user" where id like 'old-%') first,
         lateral (select date_trunc('month', now()) - interval '10 months' + n * interval '30 days' / ${events} as at) t`,
    `insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
       select e.user_key, s.id, e.feature_id, usage_window_start(s.started_at, 'MONTH', e.occurred_at), 'test', sum(e.delta)
       from usage_event e join subscription s on s.user_key = e.user_key group by 1, 2, 3, 4`,
    `set maintenance_work_mem = '256MB'; alter table usage_event add primary key (user_key, id);
     create index on usage_event (id)`,
    "select setval('usage_event_id_seq', ((last_value >> 24) + 1) << 24, false) from usage_event_id_seq",
    'vacuum analyze',
    'checkpoint',
  ];
  for (const each of sql) await run(database, each);
}

/** With more events, series and seals are taken as made: they take longer than what is measured. */
const followedEvents = 2_000_000;

/** Series and seals, by which every server follows its ledger: retention waits for them. */
async function follow({ run, urlOf }, events) {
  if (events > followedEvents) {
    await run(
      database,
      `insert into usage_rollup (environment_id, last_id) select id, $last from environment
         on conflict (environment_id) do update set last_id = excluded.last_id;
       insert into seal (log, number, after_id, last_id, row_count, digest, hash, sealed_at)
         values ('LEDGER', 1, 0, $last, $last, '', '', now())`.replaceAll('$last', String(events)),
    );
    return;
  }
  const pool = new pg.Pool({ connectionString: urlOf(database), application_name: 'open-kana jobs' });
  const stop = new AbortController().signal;
  try {
    const began = performance.now();
    await rollUp({ pool, stop });
    await sealLogs({ pool, stop }, { batchSize: 10_000, batches: Number.POSITIVE_INFINITY });
    process.stderr.write(`series and seals: ${seconds(began)} s\n`);
  } finally {
    await pool.end();
  }
  await run(database, 'checkpoint');
}

const seconds = (began) => Math.round((performance.now() - began) / 1_000);
const mebibytes = (bytes) => Math.round(Number(bytes) / 2 ** 20);

async function stateOf({ run }) {
  const { rows } = await run(
    database,
    `select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as wal, pg_total_relation_size('usage_event_0') as partition,
       (select count(*)::int from ledger_drop) as drops, temp_bytes from pg_stat_database where datname = current_database()`,
  );
  return rows[0];
}

/** The memory of a process that it shares with no other. */
const ownMemoryMiB = (pid) =>
  Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

/** Looks at the job while it runs: its longest transaction, the memory of its session, and whether it has ended. */
async function watch({ run }, seen) {
  const { rows } = await run(
    database,
    `select pid, extract(epoch from clock_timestamp() - xact_start)::float as seconds, query from pg_stat_activity
     where datname = current_database() and application_name = 'open-kana jobs' and xact_start is not null`,
  );
  for (const { pid, seconds: lasted, query } of rows) {
    // PostgreSQL shows the beginning of a long statement only.
    if (!/usage_sum|ledger_summ|drop_usage|usage_event|with\s+piece as/.test(query)) continue;
    seen.longest = Math.max(seen.longest, lasted);
    if (!canCount) continue;
    seen.pids.set(pid, cpuSeconds(pid));
    seen.memory = Math.max(seen.memory, ownMemoryMiB(pid));
  }
}

async function measureCalls(kind, server, databases, sent) {
  const result = await load(server, databases, {
    ...sent,
    scenario: scenarios[kind],
    connections: callsAtOnce,
  });
  if (result.failures > 0) throw new Error(`${kind}: ${result.failures} calls failed`);
  return result;
}

/** @param options how many events; whether calls are put on the server beside the job */
export async function measureRetention(databases, { users, events, seconds: duration, generator, isBusy }) {
  // One that was filled before and is kept was not finished.
  if (!(await databases.exists(database))) {
    await fill(databases, { users, events });
    await follow(databases, events);
  }
  const url = databases.urlOf(database);
  const { key } = databases;
  const size = { users, features };
  const sent = { key, size, seconds: duration, generator };
  const rows = [];
  const alone = await startServer('ours', url);
  const callsOf = async (server, when) => {
    for (const kind of Object.keys(scenarios)) {
      const { perSecond, p99, serverMicros, postgresMicros } = await measureCalls(
        kind,
        server,
        databases,
        sent,
      );
      rows.push({ kind, when, perSecond, p99, serverMicros, postgresMicros });
    }
  };
  if (isBusy) {
    await callsOf(alone, 'warm-up');
    await callsOf(alone, 'alone');
  }
  const residentAlone = alone.residentMiB();
  await alone.stop();

  const before = await stateOf(databases);
  const cpuBefore = databases.cpuSeconds();
  const began = performance.now();
  const server = await startServer('ours', url, { USAGE_RETENTION_MONTHS: '3' });
  const seen = { longest: 0, memory: 0, pids: new Map() };
  let isDone = false;
  const watching = (async () => {
    while (!isDone) {
      await watch(databases, seen);
      isDone = (await stateOf(databases)).drops > before.drops;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return performance.now();
  })();
  while (isBusy && !isDone && rows.length < 40) await callsOf(server, 'beside');
  const ended = await watching;
  const after = await stateOf(databases);
  const resident = server.residentMiB();
  await server.stop();
  const { rows: counts } = await databases.run(database, 'select count(*)::int as sums from usage_event_0');
  const result = {
    events,
    sums: counts[0].sums,
    seconds: Math.round((ended - began) / 100) / 10,
    'CPU of its sessions, s': [...seen.pids.values()].reduce((sum, each) => sum + each, 0),
    'CPU of PostgreSQL, s': databases.cpuSeconds() - cpuBefore,
    'longest transaction, s': Math.round(seen.longest * 10) / 10,
    'memory of its session, MiB': Math.round(seen.memory),
    'log, MiB': mebibytes(after.wal - before.wal),
    'temporary files, MiB': mebibytes(after.temp_bytes - before.temp_bytes),
    'disk before, MiB': mebibytes(before.partition),
    'disk after, MiB': mebibytes(after.partition),
    'server, MiB': resident,
    'server without it, MiB': residentAlone,
  };
  console.log(result);
  if (rows.length > 0)
    console.table(
      rows.map(({ kind, when, ...figures }) => ({
        kind,
        when,
        ...Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Math.round(value)])),
      })),
    );
  return { result, rows };
}
