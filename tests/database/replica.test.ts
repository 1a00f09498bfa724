import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import supertest from 'supertest';
import { migrate } from '../../src/database/migrations.ts';
import { openReplica, refuseReplica } from '../../src/database/replica.ts';
import {
  addMark,
  endOfLog,
  formatPosition,
  maxAgeMs,
  noMarks,
  type Obstacle,
  parsePosition,
  readingOf,
} from '../../src/database/replica-rules.ts';
import { watchDatabase } from '../../src/database/watch.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createEmptyDatabase, createTestDatabase } from '../helpers/database.ts';
import { type Replication, startReplication } from '../helpers/standby.ts';

describe('the rules', () => {
  test.each([
    ['0/0', 0n],
    ['0/16B3748', 0x16b3748n],
    ['16/B374D848', 0x16_b374d848n],
    ['FFFFFFFF/FFFFFFFF', endOfLog],
  ])('%s is a position, and is written so', (text, position) => {
    expect([parsePosition(text), formatPosition(position)]).toEqual([position, text]);
  });
  test.each(['', '0', '0/', '/0', '0/0/0', '0/g', '123456789/0', "0/0'"])('"%s" is none', (text) => {
    expect(parsePosition(text)).toBeNull();
  });

  const primary = { identity: 'ours', timeline: '1', position: 100n };
  const replica = { identity: 'ours', position: 100n as bigint | null };
  const marks = addMark(addMark(noMarks, { ...primary, position: 50n }, 1_000), primary, 2_000);

  test.each([
    ['it has replayed everything', replica, primary, 2_000],
    ['it lacks the end', { ...replica, position: 99n }, primary, 1_000],
    ['the primary does not answer', { ...replica, position: 70n }, null, 1_000],
  ])('a replica is read when %s', (_when, said, primarySaid, completeUntilMs) => {
    expect(readingOf(said, primarySaid, marks, 3_000)).toEqual({ position: said.position, completeUntilMs });
  });
  test.each([
    ['it does not answer', null, primary, 3_000],
    ['it is no standby', { ...replica, position: null }, primary, 3_000],
    ['it is a replica of another database', { ...replica, identity: 'other' }, primary, 3_000],
    ['it does not follow the primary', { ...replica, position: 101n }, primary, 3_000],
    ['what it shows is too old', { ...replica, position: 49n }, primary, 3_000],
    ['what it shows is too old', { ...replica, position: 70n }, null, 1_001 + maxAgeMs],
  ] as const)('a replica is not read when %s', (obstacle, said, primarySaid, nowMs) => {
    expect(readingOf(said, primarySaid, marks, nowMs)).toEqual({ obstacle });
  });
  test('what a replica showed of an earlier timeline says nothing about it on another one', () => {
    const promoted = { ...primary, timeline: '2', position: 120n };
    const after = addMark(marks, promoted, 3_000);
    expect(readingOf(replica, promoted, after, 3_000)).toEqual({ obstacle: 'what it shows is too old' });
  });
  test('marks are kept as long as they may help', () => {
    const all = [...Array(1_000).keys()].reduce((before, n) => addMark(before, primary, n * 500), noMarks);
    expect(all.list.length).toBe(maxAgeMs / 500 + 1);
  });
});

describe('a replica', () => {
  let replication: Replication;
  let app: TestApp;
  let console: ReturnType<typeof supertest.agent>;
  const told: (Obstacle | null)[] = [];

  beforeAll(async () => {
    replication = await startReplication();
    await migrate(replication.primaryUrl);
    app = await startTestApp({
      databaseUrl: replication.primaryUrl,
      replicaUrl: replication.standbyUrl,
      onReplicaChange: (obstacle) => void told.push(obstacle),
    });
    console = supertest.agent(app.url);
    await console.post('/console/session').set('X-Kana-Console', '').send({ key: app.keys.test });
    await until(null);
  });
  afterAll(async () => {
    await app?.close();
    await replication?.stop();
  });

  async function until(obstacle: Obstacle | null) {
    while (app.replica?.obstacle() !== obstacle) await sleep(20);
  }
  const createUser = 'mutation ($id: String!) { createUser(input: { id: $id }) { id } }';
  const listUsers = 'query ($id: String!) { usersConnection(filter: { search: $id }) { nodes { id } } }';

  /** Lists the users with this id, with the key of a server. */
  async function listByKey(id: string) {
    const { body, headers } = await app.http
      .post('/graphql')
      .set('Authorization', app.keys.test)
      .send({ query: listUsers, variables: { id } });
    return { found: body.data?.usersConnection.nodes.length, age: headers['x-data-age'] };
  }
  /** The same in a browser. */
  async function send(query: string, id: string) {
    const response = await console
      .post('/graphql')
      .set('X-Kana-Console', 'test')
      .send({ query, variables: { id } });
    expect(response.body.errors).toBeUndefined();
    return response;
  }
  async function listInConsole(id: string) {
    const { body, headers } = await send(listUsers, id);
    return { found: body.data.usersConnection.nodes.length, age: headers['x-data-age'] };
  }

  test('shows a key everything that was committed before', async () => {
    const ages = [];
    for (let n = 0; n < 20; n += 1) {
      await app.ok(createUser, { id: `by-key-${n}-` });
      const { found, age } = await listByKey(`by-key-${n}-`);
      expect(found).toBe(1);
      ages.push(age);
    }
    // It was read, and not because it was never used.
    expect(ages).toContain('0');
  });

  test('that lags answers the console with what it has, says how old that is, and never hides what its browser made', async () => {
    await replication.onStandby('select pg_wal_replay_pause()');
    try {
      await app.ok(createUser, { id: 'by-somebody-else' });
      // A key would miss it: the primary answers.
      expect(await listByKey('by-somebody-else')).toEqual({ found: 1, age: undefined });
      await sleep(300);
      const old = await listInConsole('by-somebody-else');
      expect(old.found).toBe(0);
      expect(Number(old.age)).toBeGreaterThan(0.2);

      const made = await send(createUser, 'by-this-browser');
      expect(String(made.headers['set-cookie'])).toMatch(
        /^kana_written_test=[0-9A-F]+\/[0-9A-F]+; Path=\/; Max-Age=60; HttpOnly; SameSite=Strict$/,
      );
      expect(await listInConsole('by-this-browser')).toEqual({ found: 1, age: undefined });
    } finally {
      await replication.onStandby('select pg_wal_replay_resume()');
    }
    let last = await listInConsole('by-this-browser');
    while (last.age === undefined) {
      expect(last.found).toBe(1);
      last = await listInConsole('by-this-browser');
    }
    expect(last.found).toBe(1);
  });

  test('pages of users miss none that a transaction of the primary adds while they are read', async () => {
    const client = new Client({ connectionString: replication.primaryUrl });
    await client.connect();
    const insert = (id: string) =>
      client.query(`insert into "user" (environment_id, id, updated_at) values ('test', $1, now())`, [id]);
    const readExport = async (after: string) => {
      const query = `query ($after: String) { exportUsers(first: 1000, after: $after) }`;
      const { body, headers } = await app.http
        .post('/graphql')
        .set('Authorization', app.keys.test)
        .send({ query, variables: { after } });
      expect(headers['x-data-age']).toBe('0');
      const lines: string[] = body.data.exportUsers.trim().split('\n').slice(1);
      return lines.map((line) => line.split(',')[0] ?? '');
    };
    const readConnection = async (after: string | null) => {
      const query = `query ($after: String) { usersConnection(first: 1000, after: $after) {
        nodes { id } pageInfo { endCursor } } }`;
      const { body, headers } = await app.http
        .post('/graphql')
        .set('Authorization', app.keys.test)
        .send({ query, variables: { after } });
      expect(headers['x-data-age']).toBe('0');
      const { nodes, pageInfo } = body.data.usersConnection;
      return { ids: nodes.map(({ id }: { id: string }) => id), last: pageInfo.endCursor };
    };
    await app.ok(createUser, { id: 'page-first' });
    try {
      await client.query('begin');
      await insert('page-early');
      await app.ok(createUser, { id: 'page-late' });
      const exported = await readExport('page-first');
      const connected = await readConnection(null);
      await client.query('commit');
      const last = exported.at(-1) ?? 'page-first';
      expect([...exported, ...(await readExport(last))]).toEqual(['page-early', 'page-late']);
      const rest = await readConnection(connected.last);
      expect([...connected.ids, ...rest.ids].slice(-2)).toEqual(['page-early', 'page-late']);
    } finally {
      await client.end();
    }
  });

  test('is not read before it has replayed what the server found at its start', async () => {
    await replication.onStandby('select pg_wal_replay_pause()');
    await app.ok(createUser, { id: 'before-the-start' });
    const late = openReplica(replication.standbyUrl, app.database.lookups, { intervalMs: 20 });
    try {
      while (late.obstacle() !== 'what it shows is too old') await sleep(10);
      await replication.onStandby('select pg_wal_replay_resume()');
      while (late.obstacle() !== null) await sleep(10);
    } finally {
      await late.close();
    }
  });

  test('of another database is not read', async () => {
    const other = await createTestDatabase();
    const wrong = openReplica(other.url, app.database.lookups, { intervalMs: 20 });
    try {
      while (wrong.obstacle() !== 'it is no standby') await sleep(10);
      const stranger = openReplica(replication.standbyUrl, wrong.pools.replica_lookups as never, {
        intervalMs: 20,
      });
      while (stranger.obstacle() !== 'it is a replica of another database') await sleep(10);
      await stranger.close();
    } finally {
      await wrong.close();
      await other.drop();
    }
  });

  test('that can never be read is refused at the start; one that is gone is not', async () => {
    const latin = await createEmptyDatabase(`encoding 'LATIN1' locale 'C'`);
    await expect(refuseReplica(latin.url)).rejects.toThrow(/^The replica at .* has the encoding LATIN1/);
    await latin.drop();
    await refuseReplica('postgresql://kana:password@127.0.0.1:1/kana');
    await refuseReplica(replication.standbyUrl);
  });

  test('that is gone is told, and makes nothing fail; it is read when it is back', async () => {
    expect((await app.http.get('/health/ready')).body).toEqual({ status: 'ready', replica: 'read' });
    told.length = 0;
    await listByKey('by-somebody-else');
    await replication.killStandby();
    const answers = await Promise.all([...Array(20)].map(() => listByKey('by-somebody-else')));
    expect(answers.map(({ found }) => found)).toEqual(Array(20).fill(1));
    await until('it does not answer');
    expect(await listInConsole('by-somebody-else')).toEqual({ found: 1, age: undefined });
    const { status, body } = await app.http.get('/health/ready');
    expect([status, body]).toEqual([200, { status: 'ready', replica: 'not read: it does not answer' }]);

    await replication.startStandby();
    await until(null);
    expect(told).toEqual(['it does not answer', null]);
  });

  test('that fails during a read: the primary answers', async () => {
    const reads = app.replica?.pools.replica_test_reads;
    await listByKey('by-somebody-else');
    const failedBefore = app.replica?.outcomes.failed ?? 0;
    // The next connection that is taken breaks before its statement.
    reads?.once('acquire', (client) => client.connection.stream.destroy());
    expect(await listByKey('by-somebody-else')).toEqual({ found: 1, age: undefined });
    expect(app.replica?.outcomes.failed).toBe(failedBefore + 1);
  });

  test('that becomes a primary of its own is no longer read', async () => {
    await replication.promote();
    await until('it is no standby');
    expect(await listByKey('by-somebody-else')).toEqual({ found: 1, age: undefined });
  });
});

describe('an address with two hosts', () => {
  test('leads to the one that takes writes, also after a standby was promoted under load; nothing acknowledged is lost', async () => {
    const replication = await startReplication();
    await migrate(replication.primaryUrl);
    await replication.onPrimary(`alter system set synchronous_standby_names = 'standby'`);
    await replication.onPrimary('select pg_reload_conf()');
    const { host } = new URL(replication.primaryUrl);
    const both = `${replication.standbyUrl.replace(/@([^/]+)/, `@$1,${host}`)}?target_session_attrs=read-write`;
    const app = await startTestApp({ databaseUrl: both });
    const watch = watchDatabase(both, app.database);
    try {
      await app.ok('mutation { createFeature(input: { id: "calls", type: CONSUMABLE }) { id } }');
      await app.ok('mutation { createUser(input: { id: "eva" }) { id } }');
      const acknowledged: string[] = [];
      let isOver = false;
      const record = async (sender: number) => {
        for (let n = 0; !isOver; n += 1) {
          const idempotencyKey = `${sender}-${n}`;
          const query = `mutation ($key: String) {
            recordUsage(input: { userId: "eva", featureId: "calls", delta: 1, idempotencyKey: $key }) { recorded }
          }`;
          const { body } = await app.http
            .post('/graphql')
            .set('Authorization', app.keys.test)
            .send({ query, variables: { key: idempotencyKey } });
          // Which error the others get is not looked at: in Jest, Node's own errors are of another realm than ours.
          if (body.data?.recordUsage?.recorded) acknowledged.push(idempotencyKey);
        }
      };
      const senders = [...Array(8).keys()].map(record);
      const reach = async (count: number) => {
        while (acknowledged.length < count) await sleep(10);
      };
      await reach(100);
      await replication.killPrimary();
      await replication.promote();
      await reach(acknowledged.length + 100);
      isOver = true;
      await Promise.all(senders);
      const { rows } = await app.database.hot.query<{ key: string }>(
        'select idempotency_key as key from usage_event',
      );
      const found = new Set(rows.map(({ key }) => key));
      expect(acknowledged.filter((each) => !found.has(each))).toEqual([]);
      expect(found.size).toBe(rows.length);
    } finally {
      await watch.stop();
      await app.close();
      await replication.stop();
    }
  });
});
