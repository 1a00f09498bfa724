import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { to } from 'pg-copy-streams';
import type { Proof } from '../../src/backup/facts-rules.ts';
import { openBackup, writeBackup } from '../../src/backup/file.ts';
import { load } from '../../src/backup/load-store.ts';
import { openSnapshot, type Snapshot } from '../../src/backup/snapshot-store.ts';
import { copySourceOf, readFacts } from '../../src/backup/tables-store.ts';
import { prove as proveWith } from '../../src/cli/findings.ts';
import { type Database, type Lookups, openDatabase } from '../../src/database/client.ts';
import { migrate, readMigrations } from '../../src/database/migrations.ts';
import { sealLogs } from '../../src/seals/seal.ts';
import { rollUp } from '../../src/usage/rollup/rollup.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { ensureBuilt } from '../helpers/process.ts';
import { createWorld } from '../isolation/world.ts';

/* A world with rows in every table is written to a file and loaded, and moved from database to database. */

const prove = (db: Lookups): Promise<Proof> => proveWith(db, () => undefined);
const snapshotOf = (url: string, isLast = false) => openSnapshot(url, { isLast, prove });

let app: TestApp;
let directory: string;
let source: string;
const made: TestDatabase[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'open-kana-backup-'));
  app = await startTestApp();
  source = app.databaseUrl;
  await createWorld(app.database.prisma, 'test', '');
  await createWorld(app.database.prisma, 'live', 'live-');
  await fillTheRest(app.database);
  const stop = new AbortController().signal;
  await rollUp({ pool: app.database.work, stop });
  await sealLogs({ pool: app.database.work, stop });
  // Amends what is sealed.
  await app.ok('mutation { deleteUser(id: "live-twin") { id } }', {}, app.keys.live);
});
afterAll(async () => {
  await app.close();
  for (const database of made) await database.drop();
  await rm(directory, { recursive: true, force: true });
});

/** What texts must survive: everything that COPY escapes, and what looks like its end. */
const oddText = 'a\tb\nc\r\\.\n\\.\\\\ \\N \u{1f600} "\'\b';

async function fillTheRest({ prisma, work }: Database): Promise<void> {
  await prisma.user.updateMany({ data: { name: oddText.replaceAll(/[\b]/g, '') }, where: { id: 'user' } });
  // Sums that are being made. No id of the world's usage is before them.
  await work.query(`insert into ledger_drop (to_id, amended_to) values (-1, 0)`);
  await work.query(`insert into ledger_summing (to_id, amended_to) values (-1, 0)`);
  await work.query('insert into ledger_summed_user (user_key, revision) values (1, 0)');
  await work.query(
    `select graphile_worker.add_job('segment-erasure', payload => $1::json, job_key => 'erasure 7', queue_name => 'lane')`,
    [JSON.stringify({ text: oddText })],
  );
}

/** One that is migrated already, which takes less time, or one with nothing. */
async function emptyDatabase(create = createTestDatabase): Promise<string> {
  const database = await create();
  made.push(database);
  return database.url;
}

/** All rows of all tables, the sequences and the jobs. */
async function contentOf(url: string): Promise<Record<string, unknown[]>> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const rowsOf = async (sql: string) => (await client.query(sql)).rows.map(({ row }) => row);
  const content: Record<string, unknown[]> = {};
  for (const name of await rowsOf(
    `select relname as row from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1`,
  ))
    if (name !== '_prisma_migrations')
      content[name] = await rowsOf(`select to_jsonb(t)::text as row from "${name}" t order by 1`);
  content.sequences = await rowsOf(
    `select sequencename || ' ' || coalesce(last_value, 0) as row from pg_sequences where schemaname = 'public' order by 1`,
  );
  content.constraints = await rowsOf(
    `select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) as row from pg_constraint
     where connamespace = 'public'::regnamespace order by 1`,
  );
  content.jobs = await rowsOf(
    `select jsonb_build_array(identifier, payload, key, queue_name, job.priority, job.max_attempts)::text as row
     from graphile_worker._private_jobs job join graphile_worker._private_tasks task on task.id = task_id
     left join graphile_worker._private_job_queues queue on queue.id = job_queue_id order by 1`,
  );
  await client.end();
  return content;
}

async function backUp(name: string, url = source): Promise<string> {
  const path = join(directory, name);
  const snapshot = await snapshotOf(url);
  await writeBackup(path, snapshot).finally(() => snapshot.close());
  return path;
}

async function restore(path: string, url: string): Promise<Proof> {
  const snapshot = await openBackup(path);
  return load(url, snapshot, { prove }).finally(() => snapshot.close());
}

async function move(from: string, to: string): Promise<Proof> {
  const snapshot = await snapshotOf(from);
  return load(to, snapshot, { prove }).finally(() => snapshot.close());
}

test('the world has rows in every table', async () => {
  const empty = Object.entries(await contentOf(source)).filter(([, rows]) => rows.length === 0);
  expect(empty.map(([name]) => name)).toEqual([]);
});

test('a backup that is restored, moved, and moved on is the same to the last byte', async () => {
  const content = await contentOf(source);
  const path = await backUp('whole.backup');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const [restored, moved] = [await emptyDatabase(), await emptyDatabase()];
  const proof = await restore(path, restored);
  expect(proof.users).toBeGreaterThan(3);
  expect(await contentOf(restored)).toEqual(content);
  expect(await move(restored, moved)).toEqual(proof);
  expect(await contentOf(moved)).toEqual(content);
});

describe('what is no whole backup is refused, and leaves the database as empty as it was:', () => {
  let path: string;
  let target: string;
  const edited = async (name: string, change: (bytes: Buffer) => Buffer) => {
    const file = join(directory, name);
    await writeFile(file, change(await readFile(path)));
    return file;
  };
  const isEmpty = async () => {
    const { constraints, sequences, ...rows } = await contentOf(target);
    return Object.entries(rows).every(([name, each]) => each.length === 0 || name === 'usage_rollup');
  };
  beforeAll(async () => {
    path = await backUp('refused.backup');
    target = await emptyDatabase();
  });

  test.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    ['half of a file', (bytes) => bytes.subarray(0, bytes.length / 2), /is cut off/],
    ['a file without its last bytes', (bytes) => bytes.subarray(0, -9), /cut off or was changed/],
    ['no file of ours', () => Buffer.from('PGDMP'), /is not a backup of Open Kana/],
    ['another gzipped file', () => gzipSync('{"a":1}\n'), /is not a backup of Open Kana/],
    [
      'a file with another email in it',
      (bytes) => gzipSync(Buffer.from(gunzipSync(bytes).toString('latin1').replace('@', '#'), 'latin1')),
      /cut off or was changed/,
    ],
    [
      'a file that ends between two tables',
      (bytes) => gzipSync(gunzipSync(bytes).subarray(0, gunzipSync(bytes).indexOf('{"table":"webhook"}'))),
      /cut off or was changed/,
    ],
  ])('%s', async (_what, change, message) => {
    await expect(restore(await edited('edited.backup', change), target)).rejects.toThrow(message);
    expect(await isEmpty()).toBe(true);
  });

  test('a copy of which verify says something else', async () => {
    const snapshot = await openBackup(path);
    const other = {
      ...snapshot,
      proof: async () => ({ ...(await snapshot.proof()), sha256: 'f'.repeat(64) }),
    };
    await expect(load(target, other, { prove })).rejects.toThrow(
      /verify says something else.*Nothing was loaded/s,
    );
    expect(await isEmpty()).toBe(true);
  });

  test('a table that breaks foreign keys', async () => {
    const snapshot = await openBackup(path);
    const without: Snapshot = {
      ...snapshot,
      async *tables() {
        for await (const { name, rows } of snapshot.tables()) {
          if (name === 'feature') for await (const _ of rows);
          else yield { name, rows };
        }
      },
    };
    await expect(load(target, without, { prove })).rejects.toThrow(/foreign key constraint/);
    expect(await isEmpty()).toBe(true);
  });

  test('and then the whole one is loaded there', async () => {
    await restore(path, target);
    expect(await contentOf(target)).toEqual(await contentOf(source));
  });
});

describe('a target is refused', () => {
  let path: string;
  beforeAll(async () => {
    path = await backUp('target.backup');
  });

  test.each<[string, () => Promise<string>, RegExp]>([
    ['that is in use', async () => source, /is in use: the table \w+ has rows. Name a new, empty database/],
    [
      'with tables of something else',
      async () => {
        const url = await emptyDatabase(createEmptyDatabase);
        await runOn(url, 'create table invoices (id int)');
        return url;
      },
      /has tables of something else/,
    ],
    [
      'with a table of something else beside ours',
      async () => {
        const url = await emptyDatabase();
        await runOn(url, 'create table invoices (id int)');
        return url;
      },
      /does not fit.*the table invoices is missing/,
    ],
    [
      'of another encoding',
      () => emptyDatabase(() => createEmptyDatabase(`encoding 'SQL_ASCII' locale 'C'`)),
      /has the encoding SQL_ASCII/,
    ],
    [
      'of a newer version',
      async () => {
        const url = await emptyDatabase();
        await runOn(
          url,
          `update _prisma_migrations set migration_name = '20990101000000_later' where migration_name like '%stripe_meters'`,
        );
        return url;
      },
      /is of another version: it has the migration 20990101000000_later/,
    ],
  ])('%s', async (_what, create, message) => {
    const url = await create();
    await expect(restore(path, url)).rejects.toThrow(message);
  });

  test('a backup of a newer version too', async () => {
    const snapshot = await openBackup(path);
    const migrations = [...snapshot.facts.migrations, { name: '20990101000000_later', checksum: 'x' }];
    const newer = { ...snapshot, facts: { ...snapshot.facts, migrations } };
    await expect(load(await emptyDatabase(), newer, { prove })).rejects.toThrow(
      /has the migration 20990101000000_later, which this version does not know/,
    );
    await snapshot.close();
  });
});

async function runOn(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

test('rows of an earlier version that break a constraint are taken along, and still told', async () => {
  const [from, target] = [await emptyDatabase(), await emptyDatabase()];
  await move(source, from);
  await runOn(
    from,
    `alter table subscription drop constraint subscription_ends_after_it_starts;
     update subscription set ended_at = started_at - interval '1 day' where id = (select min(id) from subscription);
     alter table subscription add constraint subscription_ends_after_it_starts check (ended_at >= started_at) not valid`,
  );
  const checked = openDatabase(from);
  const proof = await prove(checked.hot).finally(() => checked.close());
  expect(proof.differences).toBeGreaterThan(0);
  expect(await move(from, target)).toEqual(proof);
  expect((await contentOf(target)).constraints).toContainEqual(
    'subscription subscription_ends_after_it_starts CHECK ((ended_at >= started_at)) NOT VALID',
  );
});

test('a backup of an earlier version is loaded, and then migrated', async () => {
  const [old, target] = [await emptyDatabase(createEmptyDatabase), await emptyDatabase(createEmptyDatabase)];
  const names = (await readMigrations()).map(({ name }) => name);
  await migrate(old, new Set(names.filter((name) => name < '20261128210100')));
  await runOn(
    old,
    `insert into environment (id, app_id) values ('test', 'app');
     insert into "user" (environment_id, id, updated_at) values ('test', 'old-user', now())`,
  );
  await expect(snapshotOf(old)).rejects.toThrow(/is of an earlier version/);
  const client = new Client({ connectionString: old });
  await client.connect();
  const facts = { version: '0.0.1', takenAt: new Date().toISOString(), ...(await readFacts(client)) };
  const copy = (sql: string) => client.query(to(`copy ${sql} to stdout`));
  const snapshot: Snapshot = {
    facts,
    async *tables() {
      for (const table of facts.tables) yield { name: table.name, rows: copy(copySourceOf(table)) };
    },
    proof: async () => ({ users: 1, differences: 0, sha256: 'of the earlier version' }),
    close: () => client.end(),
  };
  const proof = await load(target, snapshot, { prove }).finally(() => snapshot.close());
  expect(proof).toMatchObject({ users: 1, differences: 0 });
  expect((await contentOf(target)).user).toEqual([expect.stringContaining('"old-user"')]);
});

test('what is recorded while a backup is read is in the next one', async () => {
  const content = await contentOf(source);
  const path = join(directory, 'online.backup');
  const snapshot = await snapshotOf(source);
  await app.ok('mutation { createUser(input: { id: "during-the-backup" }) { id } }');
  await writeBackup(path, snapshot).finally(() => snapshot.close());
  const target = await emptyDatabase();
  await restore(path, target);
  // Sequences are of no snapshot; they may only be further.
  const { sequences, ...restored } = await contentOf(target);
  const { sequences: before, ...expected } = content;
  expect(restored).toEqual(expected);
  const later = await emptyDatabase();
  await move(source, later);
  expect((await contentOf(later)).user).toContainEqual(expect.stringContaining('during-the-backup'));
});

test('rows of many megabytes pass', async () => {
  const [from, target] = [await emptyDatabase(), await emptyDatabase()];
  await move(source, from);
  await runOn(
    from,
    `update segment_event set payload = jsonb_build_object('text', repeat(E'\\n\\\\.\n', 2000000)) where message_id = 'event-2'`,
  );
  await restore(await backUp('huge.backup', from), target);
  expect(await contentOf(target)).toEqual(await contentOf(from));
});

describe('what breaks a command off leaves nothing half made, and it can be run again:', () => {
  let path: string;
  let content: Record<string, unknown[]>;
  beforeAll(async () => {
    await ensureBuilt();
    path = await backUp('broken-off.backup');
    content = await contentOf(source);
  }, 120_000);

  const env = (url: string) => ({ ...process.env, DATABASE_URL: url, KANA_SECRET_KEY: 'k'.repeat(32) });

  test.each([
    ['SIGKILL', null, /rows\n$/],
    ['SIGINT', 130, /\nInterrupted\.\n$/],
  ] as const)('a restore, by %s', async (signal, code, told) => {
    const target = await emptyDatabase();
    const child = spawn(process.execPath, ['dist/bundle/restore.js', path], { env: env(target) });
    let written = '';
    child.stderr.on('data', (part) => {
      written += part;
      child.kill(signal);
    });
    expect(await once(child, 'close')).toEqual(code === null ? [null, signal] : [code, null]);
    expect(written).toMatch(told);
    await restore(path, target);
    expect(await contentOf(target)).toEqual(content);
  });

  test('a restore whose connection breaks', async () => {
    const target = await emptyDatabase();
    const snapshot = await openBackup(path);
    let hasBroken = false;
    const onTable = () => {
      if (hasBroken) return;
      hasBroken = true;
      runOn(
        source,
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${new URL(target).pathname.slice(1)}'`,
      );
    };
    await expect(load(target, snapshot, { prove, onTable })).rejects.toThrow(
      /^Nothing was loaded into the database at .*: a connection broke \(.*It can be run again\.$/,
    );
    await snapshot.close();
    await restore(path, target);
    expect(await contentOf(target)).toEqual(content);
  });

  test('a backup whose file cannot grow', () => {
    const file = join(directory, 'limited.backup');
    // A limit for files is told as a full disk is, and needs no rights.
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', 'ulimit -f 1; exec "$@"', 'sh', process.execPath, 'dist/bundle/backup.js', file],
      { env: env(source), encoding: 'utf8' },
    );
    expect([status, stderr.split('\n').at(-2)]).toEqual([
      1,
      `${file} cannot be written: EFBIG: file too large, write. Nothing is left of it.`,
    ]);
    expect([existsSync(file), existsSync(`${file}.partial`)]).toEqual([false, false]);
  });

  // Only root can mount a disk that is small, for the database of the tests on this machine.
  const disk = '/tmp/open-kana-small-disk';
  const canMount = process.getuid?.() === 0 && !process.env.TEST_DATABASE_URL && mountDisk();
  function mountDisk(): boolean {
    spawnSync('mkdir', ['-p', disk]);
    return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=755', 'tmpfs', disk]).status === 0;
  }
  (canMount ? test : test.skip)('a restore onto a disk that is full', async () => {
    const { uid, gid } = await stat(await readSetting(source, 'data_directory'));
    await mkdir(join(disk, 'space'));
    await chown(join(disk, 'space'), uid, gid);
    await runOn(source, `create tablespace small_disk location '${join(disk, 'space')}'`);
    const target = await createEmptyDatabase('tablespace small_disk');
    // A copied database takes its room when its pages are written: on a full disk, no test's checkpoint would succeed.
    await runOn(source, 'checkpoint');
    const filler = join(disk, 'filler');
    const fill = (left: string) => {
      spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k']);
      spawnSync('truncate', ['-s', `-${left}`, filler]);
    };
    try {
      fill('1M'); // Too little for the tables.
      await expect(restore(path, target.url)).rejects.toThrow(
        /^The migration \w+ failed and was rolled back: error: could not extend file .*No space left on device/,
      );
      await rm(filler);
      await migrate(target.url);
      fill('256K'); // Too little for the rows.
      await expect(restore(path, target.url)).rejects.toThrow(
        /^Nothing was loaded into the database at .*: could not extend file .*No space left on device. It can/,
      );
      await rm(filler);
      await restore(path, target.url);
      expect(await contentOf(target.url)).toEqual(content);
    } finally {
      await target.drop();
      await runOn(source, 'drop tablespace small_disk');
    }
  });
  afterAll(() => {
    if (canMount) spawnSync('umount', [disk]);
  });
});

async function readSetting(url: string, name: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query('select current_setting($1) as value', [name]);
  await client.end();
  return rows[0].value;
}

describe('while a database is moved', () => {
  let from: string;
  beforeAll(async () => {
    from = await emptyDatabase();
    await move(source, from);
  });

  test('no server may run: what it records would be lost', async () => {
    const database = openDatabase(from);
    await database.prisma.$queryRaw`SELECT 1`;
    await expect(snapshotOf(from, true)).rejects.toThrow(/A server runs on the database .*: stop it first/);
    await database.close();
  });

  test('nobody writes to it, and no server starts', async () => {
    const snapshot = await snapshotOf(from, true);
    await expect(
      runOn(from, `set lock_timeout = '50ms'; insert into environment (id, app_id) values ('x', 'x')`),
    ).rejects.toThrow(/lock timeout/);
    let hasStarted = false;
    const starting = migrate(from).then(() => {
      hasStarted = true;
    });
    await untilLockIsAwaited(from);
    expect(hasStarted).toBe(false);
    await snapshot.close();
    await starting;
  });
});

async function untilLockIsAwaited(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const waiting = `select from pg_locks where locktype = 'advisory' and not granted
    and database = (select oid from pg_database where datname = current_database())`;
  while ((await client.query(waiting)).rowCount === 0);
  await client.end();
}
