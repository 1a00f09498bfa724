// What a record and a check cost PostgreSQL in a small database and in a large one: CPU time of the session, and bytes of
// write-ahead log. No HTTP, no load generator: CPU and bytes hold on a busy machine too.
import pg from 'pg';
import { oneUnit } from '../dist/amount.js';
import { createStandingFinder } from '../dist/entitlements/store.js';
import { appendUsage } from '../dist/usage/record/store.js';
import { canCount, cpuSeconds } from './cpu.mjs';
import { measureGrownCalls } from './grown-calls.mjs';
import { median } from './report.mjs';

const batch = 64;
/** Calls are counted in parts of so many: the further from a checkpoint, the fewer whole pages are written. */
const partCalls = 200 * batch;
/** What a check costs does not depend on the checkpoint: so many are enough. */
const checkCalls = 4 * partCalls;
/** As src/database/settings.ts sets them for the hot path. */
const settings = 'set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set jit = off';

/** Past usage of users and features at random, in the order of time, as recordUsage writes it. Indexes are made at the end. */
async function fill({ run }, database, { users, events, features }) {
  process.stderr.write(`${database}: ${users} users, ${features} features, ${events} events\n`);
  const sql = [
    `insert into feature (environment_id, id, name, type, updated_at)
       select 'test', 'grown-' || n, 'grown', 'CONSUMABLE', now() from generate_series(0, ${features - 1}) n`,
    `insert into package (environment_id, id, name, is_addon, status, updated_at)
       values ('test', 'grown', 'grown', false, 'PUBLISHED', now())`,
    `insert into package_feature (environment_id, package_id, feature_id, name, position, "limit", reset_period)
       select 'test', 'grown', 'grown-' || n, 'grown', n, 100000, 'MONTH' from generate_series(0, ${features - 1}) n`,
    `insert into "user" (environment_id, id, updated_at)
       select 'test', 'grown-' || n, now() from generate_series(0, ${users - 1}) n`,
    `insert into subscription (user_key, environment_id, package_id, is_addon, started_at)
       select key, 'test', 'grown', false, now() - interval '100 days' from "user" where id like 'grown-%'`,
    `alter table usage_event drop constraint usage_event_pkey; drop index usage_event_id_idx;
     alter table usage_counter drop constraint usage_counter_pkey`,
    `insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at, recorded_at)
       select first.key + abs(hashint8(n)::bigint) % ${users}, 'test',
         'grown-' || abs(hashint8(n + 1000000007)::bigint) % ${features}, 'ADD', 1,
         now() - (${events} - n) * interval '90 days' / ${events}, now()
       from generate_series(1, ${events}) n, (select min(key) as key from "user" where id like 'grown-%') first`,
    `insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
       select e.user_key, s.id, e.feature_id, usage_window_start(s.started_at, 'MONTH', e.occurred_at), 'test', sum(e.delta)
       from usage_event e join subscription s on s.user_key = e.user_key and s.package_id = 'grown' group by 1, 2, 3, 4`,
    `set maintenance_work_mem = '256MB'; alter table usage_event add primary key (user_key, id);
     create index on usage_event (id);
     alter table usage_counter add primary key (user_key, subscription_id, feature_id, window_start)`,
  ];
  for (const each of sql) await run(database, each);
  // What is measured is recorded in the month after.
  await run(
    database,
    "select setval('usage_event_id_seq', ((last_value >> 24) + 1) << 24, false) from usage_event_id_seq",
  );
  await run(database, 'vacuum analyze');
}

/** What the tables of a database that is kept were filled with, as a comment in it. */
const describe = ({ users, events, features }) =>
  `filled with ${users} users, ${features} features, ${events} events`;

async function sizeOf({ exists, run }, database) {
  if (!(await exists(database))) return null;
  return (await run(database, "select obj_description('usage_event'::regclass) as text")).rows[0].text;
}

const random = (count) => Math.floor(Math.random() * count);

function usage({ users, features }, idempotencyKey) {
  const userId = `grown-${random(users)}`;
  const featureId = `grown-${random(features)}`;
  const fixed = {
    environmentId: 'test',
    source: 'API',
    action: 'ADD',
    delta: oneUnit,
    timestamp: null,
    enforce: false,
  };
  return { withStanding: false, usage: { ...fixed, userId, featureId, idempotencyKey } };
}

/** Of which tables and indexes the log tells, in bytes a call: whole pages, and changes. */
async function walByRelation(pool, from, to, calls) {
  if (to - from < calls) return []; // Nothing was written, and there may be no whole record.
  await pool.query('create extension if not exists pg_walinspect');
  const { rows } = await pool.query(
    `select c.relname as relation, round(sum(b.block_fpi_length) / $3::numeric) as pages,
       round(sum(b.block_data_length) / $3::numeric) as changes
     from pg_get_wal_block_info('0/0'::pg_lsn + $1::numeric, '0/0'::pg_lsn + $2::numeric) b
     join pg_class c on pg_relation_filenode(c.oid) = b.relfilenode group by 1
     having sum(b.block_fpi_length) + sum(b.block_data_length) > 5 * $3::numeric order by sum(b.block_fpi_length) desc`,
    [from, to, calls],
  );
  return rows;
}

/** Where the log was when the last checkpoint began. */
const redo = async (pool) =>
  (await pool.query('select redo_lsn from pg_control_checkpoint()')).rows[0].redo_lsn;

/**
 * Runs the calls on one session, from a checkpoint on: the first change of each page after it writes the whole page. Ends
 * when PostgreSQL begins the next checkpoint, or after so many calls. Answers what a call costs: the first ones, those of
 * the whole cycle, and part by part.
 */
async function measure(url, calls, run) {
  const pool = new pg.Pool({ connectionString: url, max: 1, onConnect: (client) => client.query(settings) });
  const read = async () => {
    const { rows } =
      await pool.query(`select pg_backend_pid() as pid, pg_current_wal_insert_lsn() - '0/0'::pg_lsn as wal,
      pg_stat_force_next_flush()`);
    return { wal: Number(rows[0].wal), seconds: canCount ? cpuSeconds(rows[0].pid) : 0 };
  };
  const between = (from, to, count) => ({
    walBytes: (to.wal - from.wal) / count,
    cpuMicros: ((to.seconds - from.seconds) * 1e6) / count,
  });
  try {
    await run(pool, 20 * batch);
    await pool.query('checkpoint');
    const begun = await redo(pool);
    const start = await read();
    const parts = [];
    let done = 0;
    let last = start;
    let byRelation = [];
    while (done < calls && (await redo(pool)) === begun) {
      const count = Math.min(partCalls, calls - done);
      await run(pool, count);
      const now = await read();
      parts.push(between(last, now, count));
      if (done === 0) byRelation = await walByRelation(pool, start.wal, now.wal, count);
      last = now;
      done += count;
    }
    return { first: parts[0], mean: between(start, last, done), parts, calls: done, byRelation };
  } finally {
    await pool.end();
  }
}

async function record(pool, calls, size, withKeys) {
  for (let done = 0; done < calls; done += batch) {
    const items = Array.from({ length: batch }, () => usage(size, withKeys ? crypto.randomUUID() : null));
    const results = await appendUsage(pool, items);
    if (results.some((result) => result.recorded !== true)) throw new Error('a usage was not recorded');
  }
}

async function check(pool, calls, { users, features }) {
  const findStanding = createStandingFinder(pool);
  for (let done = 0; done < calls; done += batch)
    await Promise.all(
      Array.from({ length: batch }, () =>
        findStanding({
          environmentId: 'test',
          userId: `grown-${random(users)}`,
          featureId: `grown-${random(features)}`,
        }),
      ),
    );
}

/** Fills what is not filled yet, and answers where to connect. */
async function fillAll(databases, sizes) {
  const urls = {};
  for (const [name, size] of Object.entries(sizes)) {
    urls[name] = databases.urlOf(name);
    if ((await sizeOf(databases, name)) === describe(size)) continue;
    await databases.drop(name);
    await databases.copy(name);
    await fill(databases, name, size);
    await databases.run(name, `comment on table usage_event is '${describe(size)}'`);
  }
  return urls;
}

/** Measures both sizes, round by round, and prints them side by side. */
export async function measureGrowth(
  databases,
  { users, events, features, rounds, calls, only, alter, load },
) {
  const sizes = {
    small: { users: 10_000, events: 10_000, features },
    large: { users, events, features },
  };
  const possible = {
    record: (url, size) => measure(url, calls, (pool, count) => record(pool, count, size, false)),
    'record with key': (url, size) => measure(url, calls, (pool, count) => record(pool, count, size, true)),
    check: (url, size) =>
      measure(url, Math.min(calls, checkCalls), (pool, count) => check(pool, count, size)),
  };
  const kinds = Object.entries(possible).filter(([kind]) => only?.includes(kind) ?? true);
  const urls = await fillAll(databases, sizes);
  const rows = [];
  for (let round = 1; round <= rounds; round += 1)
    for (const [kind, run] of kinds)
      for (const [name, size] of Object.entries(sizes)) {
        const figures = await run(urls[name], size);
        rows.push({ kind, size: name, round, ...figures });
        tell(kind, name, figures);
      }
  for (const sql of alter) {
    // One at a time: some cannot be in a transaction.
    for (const each of sql.split(';')) await databases.run('large', each);
    await databases.run('large', 'select pg_reload_conf()');
    process.stderr.write(`after ${sql}\n`);
    for (const [kind, run] of kinds) tell(kind, 'large', await run(urls.large, sizes.large));
  }
  console.table((await databases.run('large', relationsSql)).rows);
  if (rounds > 0) console.table(kinds.map(([kind]) => compare(kind, rows)));
  return { rows, calls: load.rounds > 0 ? await measureGrownCalls(databases, urls, sizes, load) : [] };
}

const relationsSql = `
  select relname, relkind, pg_size_pretty(pg_relation_size(oid)) as size from pg_class
  where relname ~ '^(usage_|user|subscription)' and relkind in ('r', 'i') and pg_relation_size(oid) > 1000000
  order by pg_relation_size(oid) desc`;

function compare(kind, rows) {
  const of = (size, span, field) =>
    median(
      rows.filter((row) => row.kind === kind && row.size === size).map((row) => row[span][field]),
    ).toFixed(0);
  const both = (span, field) => `${of('small', span, field)} / ${of('large', span, field)}`;
  return {
    'small / large': kind,
    [`CPU of the first ${partCalls}, µs`]: both('first', 'cpuMicros'),
    'CPU, µs': both('mean', 'cpuMicros'),
    [`WAL of the first ${partCalls}, bytes`]: both('first', 'walBytes'),
    'WAL, bytes': both('mean', 'walBytes'),
  };
}

/** At most eight parts are printed. */
function tell(kind, size, { first, mean, parts, calls, byRelation }) {
  const of = byRelation.map(({ relation, pages, changes }) => `${relation} ${pages} + ${changes}`).join(', ');
  const step = Math.max(1, Math.floor(parts.length / 8));
  const shown = parts.filter((_, part) => part % step === 0);
  process.stderr.write(
    `${kind}, ${size}, ${calls} calls: CPU ${mean.cpuMicros.toFixed(0)} µs (first ${first.cpuMicros.toFixed(0)}), ` +
      `WAL ${mean.walBytes.toFixed(0)} bytes (every ${step}. part of ${partCalls}: ` +
      `${shown.map(({ walBytes }) => walBytes.toFixed(0)).join(', ')})` +
      `${of && `; pages + changes of the first part: ${of}`}\n`,
  );
}
