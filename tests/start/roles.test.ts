import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { createEmptyDatabase, type TestDatabase } from '../helpers/database.ts';
import { endAll, ensureBuilt, run, startServer } from '../helpers/process.ts';

/* The server runs with a role that owns nothing and cannot change or delete what only grows. */

const suffix = randomUUID().slice(0, 8);
const roles = { owner: `kana_owner_${suffix}`, app: `kana-app ${suffix}` };
const key = `prv_test_${'r'.repeat(32)}`;

let testDatabase: TestDatabase;
let admin: Client;
let app: Client;
let environment: { DATABASE_URL: string; DATABASE_OWNER_URL: string };
let server: { url: string };

const quoted = (role: string) => `"${role}"`;
function urlOf(role: string): string {
  const url = new URL(testDatabase.url);
  url.username = encodeURIComponent(role);
  url.password = 'secret';
  return url.href;
}

beforeAll(async () => {
  await ensureBuilt();
  testDatabase = await createEmptyDatabase();
  admin = new Client({ connectionString: testDatabase.url });
  await admin.connect();
  for (const role of Object.values(roles))
    await admin.query(`create role ${quoted(role)} login password 'secret'`);
  const name = new URL(testDatabase.url).pathname.slice(1);
  await admin.query(`alter database ${name} owner to ${quoted(roles.owner)}`);
  environment = { DATABASE_URL: urlOf(roles.app), DATABASE_OWNER_URL: urlOf(roles.owner) };
  server = await startServer({ ...environment, KANA_DEMO: 'true', KANA_TEST_PRIVATE_KEY: key });
  app = new Client({ connectionString: environment.DATABASE_URL });
  await app.connect();
}, 120_000);

afterAll(async () => {
  endAll();
  await app?.end();
  await admin.end();
  await testDatabase.drop();
  const cluster = new Client({ connectionString: testDatabase.url.replace(/\/[^/]*$/, '/postgres') });
  await cluster.connect();
  for (const role of Object.values(roles)) await cluster.query(`drop role ${quoted(role)}`);
  await cluster.end();
});

async function call(query: string) {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: key, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return (await response.json()) as { data: unknown; errors?: unknown };
}

test('everything works with it: recording, merging, deleting, seals, a second start, and verification', async () => {
  for (const query of [
    'mutation { createUser(input: { id: "a" }) { id } }',
    'mutation { createUser(input: { id: "b" }) { id } }',
    'mutation { recordUsage(input: { userId: "a", featureId: "api-calls", idempotencyKey: "k" }) { recorded } }',
    'mutation { recordUsage(input: { userId: "b", featureId: "api-calls", idempotencyKey: "k", enforce: false, action: SET }) { recorded } }',
    'mutation { recordUsage(input: { userId: "demo-user", featureId: "api-calls", delta: 7 }) { recorded } }',
    'mutation { mergeUsers(ids: ["a", "b"]) { id } }',
    'mutation { deleteUser(id: "a") { id } }',
    'mutation { ingestSegmentEvent(event: { type: "identify", userId: "c", traits: { name: "C" } }) { outcome } }',
  ])
    expect(await call(query)).toEqual({ data: expect.anything() });
  endAll();
  server = await startServer({ ...environment, KANA_TEST_PRIVATE_KEY: key });
  // The second start seals what the first has left.
  let sealed = 0;
  for (let attempt = 0; sealed === 0 && attempt < 100; attempt += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { rows } = await app.query(`select count(*)::int as count from seal where log = 'LEDGER'`);
    sealed = rows[0].count;
  }
  expect(sealed).toBeGreaterThan(0);
  expect(await run('dist/bundle/verify.js', [], { DATABASE_URL: environment.DATABASE_URL })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('0 counters differ'),
  });
}, 120_000);

test.each([
  'update usage_event set delta = 0',
  'delete from usage_event',
  'truncate usage_event',
  'update usage_event_0 set delta = 0',
  'delete from usage_event_0',
  'truncate usage_event_0',
  'delete from usage_event_first',
  'alter table usage_event detach partition usage_event_0',
  'update audit_entry set action = null',
  'delete from audit_entry',
  'update seal set number = 0',
  'delete from seal',
  'delete from seal_amendment',
  `insert into seal_amendment (log, row_id, is_sealed, hash_before, reason) values ('LEDGER', 1, true, '', 'x')`,
  'alter table usage_event add column x text',
  'drop function forget_usage(bigint[], text)',
  'update _prisma_migrations set checksum = null',
])('its role may not: %s', async (sql) => {
  await expect(app.query(sql)).rejects.toMatchObject({ code: '42501' });
});

test('what its role deletes by the way that is left leaves a record', async () => {
  const { rows } = await app.query(
    'select user_key, count(*)::int as count from usage_event group by 1 limit 1',
  );
  const count = async () =>
    (await app.query(`select count(*)::int as count from seal_amendment where reason = 'tried'`)).rows[0]
      .count;
  await app.query(`select forget_usage(array[$1]::bigint[], 'tried')`, [rows[0].user_key]);
  expect(await count()).toBe(rows[0].count);
});
