// One real PostgreSQL for all contestants, with its default durability, and the same data in each database.
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createKey } from '../dist/auth/keys/store.js';
import { openDatabase } from '../dist/database/client.js';
import { migrate } from '../dist/database/migrations.js';
import { startEmbedded } from '../dist/embedded-postgres/server.js';
import { canCount, cpuSecondsOfTree, parentOf } from './cpu.mjs';

export const users = 10_000;
export const features = 10;
export const featureIds = Array.from({ length: features }, (_, index) => `feature-${index}`);

/**
 * Starts PostgreSQL and makes the template; answers how to copy and query databases, and how to end it all.
 *
 * @param keep a directory whose databases are used again and stay; without it all are made anew, and removed
 */
export async function startDatabases(keep) {
  const dataDir = keep ?? mkdtempSync(join(tmpdir(), 'open-kana-bench-'));
  mkdirSync(dataDir, { recursive: true });
  chmodSync(dataDir, 0o755); // The server may have to run as another account.
  const server = await startEmbedded({ dataDir });
  const urlOf = (name) => Object.assign(new URL(server.url), { pathname: `/${name}` }).href;
  const run = async (name, sql) => {
    const client = new pg.Client(urlOf(name));
    await client.connect();
    try {
      return await client.query(sql);
    } finally {
      await client.end();
    }
  };
  const admin = new URL(server.url).pathname.slice(1);
  const exists = async (name) => {
    const { rowCount } = await run(admin, `select from pg_database where datname = '${name}'`);
    return rowCount > 0;
  };
  if (!(await exists('template_bench'))) {
    await run(admin, 'create database template_bench');
    await fill(urlOf('template_bench'));
    await run('template_bench', 'vacuum analyze');
  }
  const key = await makeKey(urlOf('template_bench'));
  const pid = canCount ? await postmasterOf(server.url) : undefined;
  return {
    key,
    run,
    cpuSeconds: () => (canCount ? cpuSecondsOfTree(pid) : 0),
    exists,
    urlOf,
    drop: (name) => run(admin, `drop database if exists ${name} with (force)`),
    copy: async (name) => {
      await run(admin, `create database ${name} template template_bench`);
      return urlOf(name);
    },
    stop: async () => {
      await server.stop();
      if (keep) return;
      for (const path of [realpathSync(join(dataDir, 'postgres')), dataDir])
        rmSync(path, { recursive: true, force: true });
    },
  };
}

/** The process id of the server: the parent of each process that serves a connection. */
async function postmasterOf(url) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query('select pg_backend_pid() as pid');
    return parentOf(rows[0].pid);
  } finally {
    await client.end();
  }
}

/** 10,000 users, 10 features, and one package of each kind: a base for all, an add-on for every second user. */
async function fill(url) {
  await migrate(url);
  const database = openDatabase(url);
  const { prisma } = database;
  const environmentId = 'test';
  for (const id of ['test', 'live']) await prisma.environment.create({ data: { id, appId: `${id}_bench` } });
  await prisma.feature.createMany({
    data: featureIds.map((id) => ({ environmentId, id, name: id, type: 'CONSUMABLE' })),
  });
  for (const [id, isAddon, of] of [
    ['base', false, featureIds],
    ['addon', true, featureIds.slice(0, 1)],
  ]) {
    await prisma.package.create({ data: { environmentId, id, name: id, isAddon, status: 'PUBLISHED' } });
    await prisma.packageFeature.createMany({
      data: of.map((featureId, position) => ({
        environmentId,
        packageId: id,
        featureId,
        name: featureId,
        position,
        limit: isAddon ? 1_000 : 100,
        resetPeriod: 'MONTH',
      })),
    });
  }
  await database.hot.query(`
    insert into "user" (environment_id, id, updated_at)
      select 'test', 'user-' || n, now() from generate_series(0, ${users - 1}) n;
    insert into subscription (user_key, environment_id, package_id, is_addon, started_at)
      select key, 'test', 'base', false, now() - interval '100 days' from "user";
    insert into subscription (user_key, environment_id, package_id, is_addon, started_at)
      select key, 'test', 'addon', true, now() - interval '50 days' from "user" where key % 2 = 0;`);
  await database.close();
}

/** Makes a private key of the environment `test`. */
export async function makeKey(url) {
  const database = openDatabase(url);
  const { key } = await createKey(database.prisma, 'test', 'PRIVATE');
  await database.close();
  return key;
}
