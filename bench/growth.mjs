// What a record and a check cost PostgreSQL in a small database and in a large one: CPU time of the session, and bytes of
// write-ahead log. No HTTP, no load generator: CPU and bytes hold on a busy machine too.
import pg from 'pg';
import { oneUnit } from '../dist/amount.js';
import { createStandingFinder } from '../dist/entitlements/store.js';
import { appendUsage } from '../dist/usage/record/store.js';
import { canCount, cpuSeconds } from './cpu.mjs';

const batch = 64;
/** The calls are counted in so many parts: the further from a checkpoint, the fewer whole pages are written. */
const parts = 8;
/** As src/database/settings.ts sets them for the hot path. */
const settings = 'set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set jit = off';

/** Past usage of users and features at random, in the order of time, as recordUsage writes it. */
async function fill({ run }, database, { users, events, features }) {
  process.stderr.write(`${database}: ${users} users, ${features} features, ${events} events\n`);
  const sql = [
    `set statement_timeout = 0; set synchronous_commit = off`,
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
    `insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at, recorded_at)
       select first.key + abs(hashint8(n)::bigint) % ${users}, 'test',
         'grown-' || abs(hashint8(n + 1000000007)::bigint) % ${features}, 'ADD', 1,
         now() - (${events} - n) * interval '90 days' / ${events}, now()
       from generate_series(1, ${events}) n, (select min(key) as key from "user" where id like 'grown-%') first`,
    `insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
       select e.user_key, s.id, e.feature_id, usage_window_start(s.started_at, 'MONTH', e.occurred_at), 'test', sum(e.delta)
       from usage_event e join subscription s on s.user_key = e.user_key and s.package_id = 'grown' group by 1, 2, 3, 4`,
  ];
  for (const each of sql) await run(database, each);
  // What is measured is recorded in the month after.
  await run(
    database,
    "select setval('usage_event_id_seq', ((last_value >> 24) + 1) << 24, false) from usage_event_id_seq",
  );
  await run(database, 'vacuum analyze');
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

/** Runs the calls on one session. Answers what each costs it. */
async function measure(url, calls, run) {
  const pool = new pg.Pool({ connectionString: url, max: 1, onConnect: (client) => client.query(settings) });
  const read = async () => {
    const { rows } =
      await pool.query(`select pg_backend_pid() as pid, pg_current_wal_insert_lsn() - '0/0'::pg_lsn as wal,
      pg_stat_force_next_flush()`);
    const [{ wal_fpi: pages }] = (await pool.query('select wal_fpi from pg_stat_wal')).rows;
    return {
      wal: Number(rows[0].wal),
      pages: Number(pages),
      seconds: canCount ? cpuSeconds(rows[0].pid) : 0,
    };
  };
  try {
    await run(pool, 20 * batch);
    // From a checkpoint on: the first change of each page writes all of it.
    await pool.query('checkpoint');
    const before = await read();
    const walBytesByPart = [];
    let after = before;
    for (let part = 1; part <= parts; part += 1) {
      const { wal } = after;
      await run(pool, calls / parts);
      after = await read();
      walBytesByPart.push(((after.wal - wal) * parts) / calls);
    }
    return {
      walBytesByPart,
      byRelation: await walByRelation(pool, before.wal, after.wal, calls),
      cpuMicros: ((after.seconds - before.seconds) * 1e6) / calls,
      walBytes: (after.wal - before.wal) / calls,
      pages: (after.pages - before.pages) / calls,
    };
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

/** Measures both sizes, round by round, and prints them side by side. */
export async function measureGrowth(databases, { users, events, features, rounds, calls, alter }) {
  const sizes = {
    small: { users: 10_000, events: 10_000, features },
    large: { users, events, features },
  };
  const kinds = {
    record: (size) => (pool, count) => record(pool, count, size, false),
    'record with key': (size) => (pool, count) => record(pool, count, size, true),
    check: (size) => (pool, count) => check(pool, count, size),
  };
  const urls = {};
  for (const [name, size] of Object.entries(sizes)) {
    urls[name] = await databases.copy(name);
    await fill(databases, name, size);
  }
  const rows = [];
  for (let round = 1; round <= rounds; round += 1)
    for (const [kind, make] of Object.entries(kinds))
      for (const [name, size] of Object.entries(sizes)) {
        const figures = await measure(urls[name], calls, make(size));
        rows.push({ kind, size: name, round, ...figures });
        tell(kind, name, figures);
      }
  for (const sql of alter) {
    // One at a time: some cannot be in a transaction.
    for (const each of sql.split(';')) await databases.run('large', each);
    await databases.run('large', 'select pg_reload_conf()');
    process.stderr.write(`after ${sql}\n`);
    for (const [kind, make] of Object.entries(kinds))
      tell(kind, 'large', await measure(urls.large, calls, make(sizes.large)));
  }
  const relations = `select relname, relkind, pg_size_pretty(pg_relation_size(oid)) as size from pg_class
    where relname ~ '^(usage_|user|subscription)' and relkind in ('r', 'i') and pg_relation_size(oid) > 1000000
    order by pg_relation_size(oid) desc`;
  console.table((await databases.run('large', relations)).rows);
  console.table(
    Object.keys(kinds).map((kind) => {
      const of = (size, field) =>
        medianOf(
          rows.filter((row) => row.kind === kind && row.size === size),
          field,
        );
      return {
        kind,
        'CPU small, µs': Math.round(of('small', 'cpuMicros')),
        'CPU large, µs': Math.round(of('large', 'cpuMicros')),
        'WAL small, bytes': Math.round(of('small', 'walBytes')),
        'WAL large, bytes': Math.round(of('large', 'walBytes')),
        'whole pages, large': Number(of('large', 'pages').toFixed(2)),
      };
    }),
  );
  return rows;
}

function tell(kind, size, { cpuMicros, walBytes, walBytesByPart, pages, byRelation }) {
  const of = byRelation.map(({ relation, pages, changes }) => `${relation} ${pages} + ${changes}`).join(', ');
  process.stderr.write(
    `${kind}, ${size}: CPU ${cpuMicros.toFixed(0)} µs, WAL ${walBytes.toFixed(0)} bytes ` +
      `(by parts: ${walBytesByPart.map((bytes) => bytes.toFixed(0)).join(', ')}), ${pages.toFixed(2)} whole pages` +
      `${of && `; pages + changes: ${of}`}\n`,
  );
}

function medianOf(rows, field) {
  const sorted = rows.map((row) => row[field]).sort((one, other) => one - other);
  return sorted[sorted.length >> 1];
}
