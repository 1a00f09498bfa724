import type { AddressInfo } from 'node:net';
import { createServer, connect as dial, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { unavailabilityOf } from '../../src/database/errors.ts';
import { type Watch, watchDatabase } from '../../src/database/watch.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase();
});
afterAll(() => testDatabase.drop());

/** A network between us and the database that can go silent without breaking a connection. */
async function createNetwork(url: string) {
  const target = new URL(url);
  const pairs = new Set<readonly [Socket, Socket]>();
  let silent = false;
  function join(near: Socket) {
    const far = dial(Number(target.port), target.hostname);
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [one, other] of [pair, [far, near] as const]) {
      one.on('data', (bytes) => other.write(bytes)).on('error', () => undefined);
      one.on('close', () => other.destroy());
      if (silent) one.pause();
    }
  }
  const server = createServer(join);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const through = new URL(url);
  through.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: through.href,
    /** Nothing arrives any more. */
    silence() {
      silent = true;
      for (const socket of [...pairs].flat()) socket.pause();
    },
    /** Everything arrives that was held back. */
    heal() {
      silent = false;
      for (const socket of [...pairs].flat()) socket.resume();
    },
    /** New connections work; those that there are stay silent for ever. */
    forget() {
      silent = false;
    },
    async close() {
      for (const socket of [...pairs].flat()) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The error of work that must fail; undefined if it did not. */
const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => undefined).catch((error) => error);

async function eventually(work: () => Promise<unknown>): Promise<void> {
  while (
    await work().then(
      () => false,
      () => true,
    )
  )
    await sleep(200);
}

describe('a database that does not answer', () => {
  let network: Awaited<ReturnType<typeof createNetwork>>;
  let database: Database;
  let watch: Watch;
  const statements = (): Promise<unknown>[] => [
    database.hot.query('select 1'),
    database.work.query('select 1'),
    database.prisma.user.findMany(),
    database.prisma.$transaction((tx) => tx.user.findMany()),
  ];

  beforeEach(async () => {
    network = await createNetwork(testDatabase.url);
    database = openDatabase(network.url);
    await Promise.all(statements()); // Before the watch, which would give up on connections that are slow to open.
    // A busy machine may take a second to open a connection. One that takes longer than this counts as unanswered.
    watch = watchDatabase(network.url, database, { intervalMs: 100, unansweredLimit: 40 });
  });
  afterEach(async () => {
    await watch.stop();
    await network.close();
    await database.close();
  });

  test('fails whoever waits for it, and whoever comes later, until it answers', async () => {
    network.silence();
    for (const error of await Promise.all(statements().map(errorOf)))
      expect(unavailabilityOf(error)).toBe('unreachable');
    for (const error of await Promise.all(statements().map(errorOf)))
      expect(unavailabilityOf(error)).toBe('unreachable');

    network.heal();
    await eventually(() => Promise.all(statements()));
  });

  test('is found again behind a network that has forgotten every connection', async () => {
    network.silence();
    await Promise.all(statements().map(errorOf));

    network.forget();
    await eventually(() => Promise.all(statements()));
  });

  test('fails those too who wait for one of its connections', async () => {
    const held = await database.hot.connect();
    network.silence();
    const waiting = Array.from({ length: 20 }, () => errorOf(database.hot.query('select 1')));
    for (const error of await Promise.all(waiting)) expect(unavailabilityOf(error)).toBe('unreachable');
    held.release();
  });
});

describe('a request while the database cannot be reached', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp();
    await app.ok('{ users { id } }');
    app.database.cutOff();
  });
  afterAll(() => app.close());

  const usage = 'input: { userId: "ada", featureId: "calls" }';
  const unavailable = {
    message: 'The database cannot be reached at the moment. Try again in a second.',
    extensions: { code: 'SERVICE_UNAVAILABLE', requestId: expect.any(String) },
  };

  test.each([
    ['a query', '{ users { id } }'],
    ['a check', '{ canUseFeature(userId: "ada", featureId: "calls") { access } }'],
    ['a usage', `mutation { recordUsage(${usage}) { recorded } }`],
    [
      'an enforced usage',
      'mutation { recordUsage(input: { userId: "ada", featureId: "calls", enforce: true }) { recorded } }',
    ],
    [
      'a list of usages',
      'mutation { recordUsages(input: [{ userId: "ada", featureId: "calls" }]) { recorded } }',
    ],
    ['a transaction', 'mutation { subscribe(userId: "ada", packageIds: ["pro"]) { id } }'],
    [
      'a Segment event',
      'mutation { ingestSegmentEvent(event: { type: "identify", userId: "ada" }) { outcome } }',
    ],
  ])('%s is told to come back', async (_what, query) => {
    const { status, headers, body } = await app.http
      .post('/graphql')
      .set('Authorization', app.keys.test)
      .send({ query });
    expect({ status, after: headers['retry-after'] }).toEqual({ status: 503, after: '1' });
    expect(body.errors).toEqual([expect.objectContaining(unavailable)]);
  });

  test('nobody is told that a key is wrong which could not be looked up', async () => {
    const { status, body } = await app.http
      .post('/graphql')
      .set('Authorization', app.keys.live)
      .send({ query: '{ users { id } }' });
    expect(status).toBe(503);
    expect(body).toEqual({ errors: [unavailable] });
  });

  test('so is the webhook of Segment, which sends again what was answered 5xx', async () => {
    // Known keys are forgotten after some seconds: then the key itself cannot be looked up.
    app.database.reconnect();
    await app.ok('{ users { id } }');
    app.database.cutOff();
    const { status, body } = await app.http
      .post('/segment/events')
      .set('Authorization', app.keys.test)
      .send([{ type: 'identify', userId: 'ada' }]);
    expect(status).toBe(503);
    expect(body).toEqual([
      { error: { code: 'SERVICE_UNAVAILABLE', message: unavailable.message, requestId: expect.any(String) } },
    ]);
  });

  test('afterwards everything works again', async () => {
    app.database.reconnect();
    expect(await app.ok('{ users { id } }')).toEqual({ users: [] });
  });
});
