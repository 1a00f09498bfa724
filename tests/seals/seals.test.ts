import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { sealLogs } from '../../src/seals/seal.ts';
import { verifySeals } from '../../src/seals/verify.ts';
import { eventData } from '../../src/webhooks/outbox/rules.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

/* What was sealed is proven: every touch of a sealed row is found, and merges and deletions leave the chain provable. */

let app: TestApp;
let people = 0;

beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'messages' });
  await createPackage(app.database.prisma, { id: 'pro', features: ['messages'] });
});

afterAll(() => app.close());

const stop = new AbortController().signal;
const seal = (batchSize = 3) => sealLogs({ pool: app.jobs, stop }, { batchSize, batches: 1_000 });
const broken = async () =>
  (await verifySeals(app.database.work)).map(({ seal: { log, number }, by }) => ({ log, number, by }));
const sql = async (text: string, values: unknown[] = []) =>
  (await app.database.work.query(text, values)).rows;

async function newUser(): Promise<string> {
  people += 1;
  const id = `user-${people}`;
  await createUser(app.database.prisma, { id });
  await createSubscription(app.database.prisma, { userId: id, packageId: 'pro' });
  return id;
}

const record = (userId: string, more = {}) =>
  app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', {
    input: { userId, featureId: 'messages', ...more },
  });
const merge = (ids: string[]) =>
  app.ok('mutation ($ids: [String!]!) { mergeUsers(ids: $ids) { id } }', { ids });
const remove = (id: string | undefined) =>
  app.ok('mutation ($id: String!) { deleteUser(id: $id) { id } }', { id });

/** Touches rows, checks what is found, and undoes the touch. */
async function whileTouched(touch: () => Promise<unknown>, check: () => Promise<void>) {
  const tables = ['usage_event', 'audit_entry', 'seal', 'seal_amendment'];
  for (const table of tables) await sql(`create table kept_${table} as table ${table}`);
  try {
    await touch();
    await check();
  } finally {
    for (const table of tables) {
      await sql(`delete from ${table}`);
      await sql(`insert into ${table} table kept_${table}`);
      await sql(`drop table kept_${table}`);
    }
  }
}

describe('with everything sealed', () => {
  let userId: string;

  beforeEach(async () => {
    userId = await newUser();
    for (let delta = 1; delta <= 7; delta += 1)
      await record(userId, { delta, idempotencyKey: `key ${delta}` });
    await app.ok('mutation ($id: String!) { updateUser(id: $id, input: { id: $id, name: "N" }) { id } }', {
      id: userId,
    });
    await seal();
    expect(await broken()).toEqual([]);
  });

  test('who asks for seals by name gets each one, in both environments', async () => {
    const create = (events: string[], key = app.keys.test) =>
      app.ok(
        'mutation ($events: [String!]!) { createWebhook(input: { url: "http://127.0.0.1:9/", events: $events }) { webhook { id } } }',
        { events },
        key,
      );
    for (const events of [['*'], ['seal.created'], ['seal.*']]) await create(events);
    await create(['seal.created'], app.keys.live);
    await record(userId);
    await seal();
    const told = await sql(
      `select w.events, e.environment_id, e.type, e.data from webhook_delivery d
       join webhook w on w.environment_id = d.environment_id and w.id = d.webhook_id
       join webhook_event e on e.environment_id = d.environment_id and e.id = d.event_id
       where e.data ->> 'log' = 'LEDGER' order by d.environment_id, w.created_at, w.id`,
    );
    expect(told.map(({ environment_id, events }) => [environment_id, events[0]])).toEqual([
      ['live', 'seal.created'],
      ['test', 'seal.created'],
      ['test', 'seal.*'],
    ]);
    const [newest] = await sql(
      `select number, encode(hash, 'hex') as hash from seal where log = 'LEDGER' order by number desc limit 1`,
    );
    for (const { type, data } of told) {
      expect(type).toBe('seal.created');
      expect(data).toMatchObject({ ...newest, rowCount: 1 });
      z.strictObject(eventData['seal.created'].shape).parse(data);
    }
    await sql('delete from webhook');
    await sql('delete from webhook_event');
  });

  test('every row is in exactly one range', async () => {
    const [sealed] = await sql(
      `select (select sum(row_count) from seal where log = 'LEDGER')::int as ledger,
              (select sum(row_count) from seal where log = 'AUDIT')::int as audit`,
    );
    expect(sealed.ledger).toBe(await app.database.prisma.usageEvent.count());
    expect(sealed.audit).toBe(await app.database.prisma.auditEntry.count());
  });

  const copy = `insert into usage_event (user_key, id, environment_id, feature_id, action, delta, occurred_at)`;
  const rest = 'environment_id, feature_id, action, delta, occurred_at from usage_event limit 1';
  test.each([
    [
      'a deleted row of the ledger with its counter',
      `with gone as (delete from usage_event where id = (select max(id) from usage_event) returning *)
       update usage_counter c set used = c.used - gone.delta from gone where c.user_key = gone.user_key`,
      'LEDGER',
    ],
    ['a changed row of the ledger', 'update usage_event set delta = delta + 1', 'LEDGER'],
    ['usage that was given to others', 'update usage_event set user_key = user_key + 1000', 'LEDGER'],
    ['a row before the first', `${copy} select user_key, -5, ${rest}`, 'LEDGER'],
    ['a row with the id of another', `${copy} select user_key + 1000, id, ${rest}`, 'LEDGER'],
    [
      'a deleted entry of the audit log',
      'delete from audit_entry where id = (select max(id) from audit_entry)',
      'AUDIT',
    ],
    ['a changed entry of the audit log', `update audit_entry set last_four = 'xxxx'`, 'AUDIT'],
  ])('%s is found', async (_what, touch, log) => {
    await whileTouched(
      () => sql(touch),
      async () => expect(await broken()).toEqual([{ log, number: expect.any(Number), by: 'ROWS' }]),
    );
    expect(await broken()).toEqual([]);
  });

  test('the first range that was touched is named', async () => {
    const [second] = await sql(`select last_id as id from seal where log = 'LEDGER' and number = 2`);
    await whileTouched(
      () => sql('update usage_event set delta = delta + 1 where id >= $1', [second.id]),
      async () => expect(await broken()).toEqual([{ log: 'LEDGER', number: 2, by: 'ROWS' }]),
    );
  });

  test('a seal that was replaced does not fit into the chain', async () => {
    await whileTouched(
      () => sql(`update seal set digest = sha256('other') where log = 'LEDGER' and number = 1`),
      async () => expect(await broken()).toEqual([{ log: 'LEDGER', number: 1, by: 'CHAIN' }]),
    );
  });

  test('a merge keeps the chain provable, and what it touched is sealed still', async () => {
    const other = await newUser();
    await record(other, { idempotencyKey: 'key 1' });
    await seal();
    await merge([userId, other]);
    expect(await broken()).toEqual([]);
    await seal();
    expect(await broken()).toEqual([]);
    const amended = `id in (select row_id from seal_amendment where log = 'LEDGER' and reason = 'mergeUsers')`;
    expect((await sql(`select from usage_event where ${amended}`)).length).toBeGreaterThan(0);
    await whileTouched(
      () => sql(`update usage_event set delta = 99 where ${amended}`),
      async () => expect(await broken()).toMatchObject([{ log: 'LEDGER', by: 'ROWS' }]),
    );
  });

  test('a deletion keeps the chain provable, and a row that comes back is found', async () => {
    const [user] = await sql(`select key from "user" where id = $1`, [userId]);
    const [row] = await sql('select to_jsonb(e) as event from usage_event e where user_key = $1', [user.key]);
    await remove(userId);
    expect(await broken()).toEqual([]);
    await seal();
    expect(await broken()).toEqual([]);
    const salted = 'select from audit_entry where user_key = $1 and salt is not null';
    expect(await sql(salted, [user.key])).toEqual([]);
    await whileTouched(
      () =>
        sql('insert into usage_event select * from jsonb_populate_record(null::usage_event, $1)', [
          row.event,
        ]),
      async () => expect(await broken()).toMatchObject([{ log: 'LEDGER', by: 'ROWS' }]),
    );
  });

  test('a merge, and then a deletion, of rows that were sealed before, between and not yet', async () => {
    const other = await newUser();
    await record(other);
    await merge([userId, other]);
    await seal();
    await record(other);
    await remove(other);
    expect(await broken()).toEqual([]);
    await seal();
    expect(await broken()).toEqual([]);
  });

  test('an amendment that was taken out again is found', async () => {
    await remove(userId);
    await seal();
    await whileTouched(
      () => sql('delete from seal_amendment where id = (select max(id) from seal_amendment)'),
      async () =>
        expect(await broken()).toEqual(
          expect.arrayContaining([{ log: 'AMENDMENTS', number: expect.any(Number), by: 'ROWS' }]),
        ),
    );
  });
});

test('nothing is sealed that a running transaction can still add to', async () => {
  await seal();
  const userId = await newUser();
  const [{ key }] = await sql(`select key from "user" where id = $1`, [userId]);
  const slow = await app.database.work.connect();
  await slow.query('begin');
  await slow.query('select from "user" where key = $1 for key share', [key]);
  await slow.query(
    `insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at)
     values ($1, 'test', 'messages', 'ADD', 1, now())`,
    [key],
  );
  await record(userId);
  const sealing = seal();
  await new Promise((resolve) => setTimeout(resolve, 200));
  await slow.query('commit');
  slow.release();
  await sealing;
  expect(await broken()).toEqual([]);
  const [{ sealed }] = await sql(
    `select count(*)::int as sealed from usage_event where user_key = $1
       and id <= (select max(last_id) from seal where log = 'LEDGER')`,
    [key],
  );
  expect(sealed).toBe(2);
});

test('seals hold whatever happens beside them', async () => {
  const ids: string[] = [];
  while (ids.length < 6) ids.push(await newUser());
  const work = (async () => {
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(ids.slice(3).map((id) => record(id)));
      await record(ids[round % 2] as string);
      if (round === 8) await merge(ids.slice(0, 2));
      if (round === 12) await remove(ids[2]);
    }
  })();
  for (let round = 0; round < 6; round += 1) {
    await Promise.all([seal(20), seal(20)]);
    expect(await broken()).toEqual([]);
  }
  await work;
  await seal(20);
  expect(await broken()).toEqual([]);
}, 60_000);

/** Values unlike those of the rows, by type; of every other type a number will do. */
const others: Record<string, unknown[]> = {
  uuid: ['00000000-0000-4000-8000-000000000000'],
  jsonb: [{ other: 1 }],
  boolean: [true, false],
  bytea: ['\\x00'],
  'text[]': [['other']],
  'timestamp(3) with time zone': ['2001-01-01T00:00:00Z'],
  '"UsageAction"': ['ADD', 'SET'],
  '"UsageSource"': ['API', 'SEGMENT'],
  '"AuthorKind"': ['SERVER', 'COMMAND'],
  '"AuditSubject"': ['USER', 'FEATURE'],
  '"SealedLog"': ['LEDGER', 'AUDIT'],
};

test.each(['usage_event', 'audit_entry', 'seal_amendment'])(
  'every column of %s is part of its hash',
  async (table) => {
    const columns = await sql(
      `select attname::text as name, format_type(atttypid, atttypmod) as type from pg_attribute
       where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
      [table],
    );
    const [{ row }] = await sql(`select to_jsonb(r) as row from ${table} r limit 1`);
    async function hashOf(values: object): Promise<string> {
      const [{ hash }] = await sql(
        `select encode(${table}_hash(jsonb_populate_record(null::${table}, $1)), 'hex') as hash`,
        [values],
      );
      return hash;
    }
    const before = await hashOf(row);
    const unhashed: string[] = [];
    for (const { name, type } of columns) {
      const hashes: string[] = [];
      for (const value of others[type] ?? [123_456]) hashes.push(await hashOf({ ...row, [name]: value }));
      if (hashes.every((each) => each === before)) unhashed.push(name);
    }
    expect(unhashed).toEqual([]);
  },
);
