import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import * as sdk from '../../packages/sdk/src/index.ts';
import { KanaAdmin, type KanaAdminOptions } from '../../packages/sdk/src/index.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'api-calls' });
  await createUser(app.database.prisma, { id: '124' });
});
afterAll(() => app.close());
beforeEach(async () => {
  await app.database.prisma.usageEvent.deleteMany();
  await app.database.prisma.usageKey.deleteMany();
});

const usage = { userId: '124', featureId: 'api-calls' };
const recorded = { data: { recorded: true, reason: null, duplicate: false } };

/** Whatever was recorded, in order. */
const deltas = async () =>
  (await app.database.prisma.usageEvent.findMany({ orderBy: { id: 'asc' } })).map(({ delta }) =>
    Number(delta),
  );

/** A client whose connection can be broken before the server is reached, or before the answer comes back. */
function connect(options: Partial<KanaAdminOptions>) {
  const line = { broken: '' as '' | 'before' | 'after' };
  const sizes: number[] = [];
  const kana = new KanaAdmin({
    apiKey: app.keys.test,
    endpoint: `${app.url}/graphql`,
    retry: () => false,
    async fetch(input, init) {
      const { input: usages } = JSON.parse(String(init?.body)).variables;
      sizes.push(usages.length);
      if (line.broken === 'before') throw new TypeError('fetch failed');
      const response = await fetch(input, init);
      if (line.broken === 'after') throw new TypeError('fetch failed');
      return response;
    },
    ...options,
  });
  return { kana, line, sizes };
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

test('usages wait until there are flushAt of them, and are then sent together, in order', async () => {
  const { kana, sizes } = connect({ flushAt: 3, flushInterval: 60_000 });
  const early = [1, 2].map((delta) => kana.features.recordUsage({ ...usage, delta }));
  expect(kana.pending).toBe(2);
  expect(sizes).toEqual([]);

  const last = kana.features.recordUsage({ ...usage, delta: 3 });
  expect(await Promise.all([...early, last])).toEqual([recorded, recorded, recorded]);
  expect(kana.pending).toBe(0);
  expect(sizes).toEqual([3]);
  expect(await deltas()).toEqual([1, 2, 3]);
});

test('usages wait no longer than flushInterval', async () => {
  const { kana, sizes } = connect({ flushAt: 100, flushInterval: 10 });
  expect(await kana.features.recordUsage(usage)).toEqual(recorded);
  expect(sizes).toEqual([1]);
});

test('flush sends what waits, and answers when all of it is on disk', async () => {
  const { kana } = connect({ flushAt: 100, flushInterval: 60_000 });
  for (const delta of numbers(5)) kana.features.recordUsage({ ...usage, delta });
  expect(await kana.flush()).toEqual({ data: { confirmed: 5 } });
  expect(await deltas()).toEqual(numbers(5));
  expect(await kana.flush()).toEqual({ data: { confirmed: 0 } });
});

test('many at once are sent in batches that fit into a request', async () => {
  const { kana, sizes } = connect({ flushAt: 100, flushInterval: 60_000 });
  for (const delta of numbers(1_000)) kana.features.recordUsage({ ...usage, delta });
  expect(await kana.flush()).toEqual({ data: { confirmed: 1_000 } });
  expect(sizes).toEqual([400, 400, 200]);
  expect(await deltas()).toEqual(numbers(1_000));
});

test('a batch of the longest ids fits into a request', async () => {
  const long = '語'.repeat(255); // Three bytes each.
  await createFeature(app.database.prisma, { id: long });
  await createUser(app.database.prisma, { id: long });
  const { kana, sizes } = connect({ flushAt: 400 });
  const usages = numbers(400).map((delta) => ({
    userId: long,
    featureId: long,
    idempotencyKey: `${'語'.repeat(252)}${delta}`.slice(0, 255),
    timestamp: new Date(),
    enforce: false,
    delta: 1_000_000_000 + delta,
  }));
  for (const each of usages) kana.features.recordUsage(each);
  expect(await kana.flush()).toEqual({ data: { confirmed: 400 } });
  expect(sizes).toEqual([400]);
});

test('what the caller does to a usage after recording it changes nothing', async () => {
  const { kana } = connect({ flushAt: 100, flushInterval: 60_000 });
  const mine = { ...usage, delta: 7 };
  kana.features.recordUsage(mine);
  mine.delta = 700;
  await kana.flush();
  expect(await deltas()).toEqual([7]);
});

describe('when the server cannot be reached', () => {
  test('flush answers the error, and the usages stay until a later flush confirms them', async () => {
    const { kana, line } = connect({ flushAt: 100, flushInterval: 60_000 });
    line.broken = 'before';
    const answer = kana.features.recordUsage(usage);
    expect(await kana.flush()).toEqual({ error: expect.any(sdk.NetworkError) });
    expect(kana.pending).toBe(1);

    line.broken = '';
    expect(await kana.flush()).toEqual({ data: { confirmed: 1 } });
    expect(await answer).toEqual(recorded);
  });

  test('they are sent again by themselves after flushInterval', async () => {
    const { kana, line } = connect({ flushAt: 1, flushInterval: 10 });
    line.broken = 'before';
    const answer = kana.features.recordUsage(usage);
    await kana.flush();
    line.broken = '';
    expect(await answer).toEqual(recorded);
  });

  test('usages whose confirmation was lost keep their names, and count once', async () => {
    const { kana, line } = connect({ flushAt: 100, flushInterval: 60_000 });
    line.broken = 'after';
    const answers = numbers(3).map((delta) => kana.features.recordUsage({ ...usage, delta }));
    await kana.flush();
    line.broken = '';
    await kana.flush();
    const duplicate = { data: { recorded: true, reason: null, duplicate: true } };
    expect(await Promise.all(answers)).toEqual([duplicate, duplicate, duplicate]);
    expect(await deltas()).toEqual([1, 2, 3]);
  });

  test('after a failed sending what comes waits for the interval, however much of it there is', async () => {
    const { kana, line, sizes } = connect({ flushAt: 2, flushInterval: 60_000 });
    line.broken = 'before';
    for (const delta of [1, 2]) kana.features.recordUsage({ ...usage, delta });
    await kana.flush();
    expect(sizes).toEqual([2]);
    for (const delta of [3, 4, 5]) kana.features.recordUsage({ ...usage, delta });
    await new Promise(setImmediate);
    expect(sizes).toEqual([2]);

    line.broken = '';
    await kana.flush();
    const answers = [6, 7].map((delta) => kana.features.recordUsage({ ...usage, delta }));
    expect(await Promise.all(answers)).toEqual([recorded, recorded]);
    expect(sizes).toEqual([2, 5, 2]);
    expect(await deltas()).toEqual(numbers(7));
  });

  test('each failed sending is told to onError, and no usage is answered before its time', async () => {
    const onError = jest.fn<(error: Error) => void>();
    const { kana, line } = connect({ flushAt: 100, flushInterval: 60_000, onError });
    line.broken = 'before';
    let answered = false;
    kana.features.recordUsage(usage).then(() => {
      answered = true;
    });
    await kana.flush();
    await kana.flush();
    expect(onError.mock.calls.map(([{ name }]) => name)).toEqual(['NetworkError', 'NetworkError']);
    expect(answered).toBe(false);
    line.broken = '';
    await kana.close();
  });

  test('a full buffer refuses what comes, drops nothing, and takes more when it has room', async () => {
    const { kana, line } = connect({ flushAt: 100, flushInterval: 60_000, maxBuffered: 2 });
    line.broken = 'before';
    kana.features.recordUsage({ ...usage, delta: 1 });
    kana.features.recordUsage({ ...usage, delta: 2 });
    const { error } = await kana.features.recordUsage({ ...usage, delta: 3 });
    expect(error).toBeInstanceOf(sdk.BufferFullError);
    expect(error?.message).toBe('2 usages wait: not recorded.');

    line.broken = '';
    await kana.flush();
    kana.features.recordUsage({ ...usage, delta: 4 });
    await kana.close();
    expect(await deltas()).toEqual([1, 2, 4]);
  });
});

describe('a usage counts', () => {
  const occurred = async () =>
    (await app.database.prisma.usageEvent.findMany({ orderBy: { id: 'asc' } })).map(
      (event) => event.occurredAt,
    );

  test('when it was used, although it is sent later: in the subscription of that time', async () => {
    const { prisma } = app.database;
    await createPackage(prisma, { id: 'pro', features: ['api-calls'] });
    await createUser(prisma, { id: 'leaving' });
    const subscription = await createSubscription(prisma, { userId: 'leaving', packageId: 'pro' });
    const { kana, line } = connect({ flushAt: 100, flushInterval: 60_000 });
    line.broken = 'before';
    kana.features.recordUsage({ ...usage, userId: 'leaving', delta: 7 });
    await kana.flush();

    line.broken = '';
    const direct = new KanaAdmin({ apiKey: app.keys.test, endpoint: `${app.url}/graphql` });
    expect((await direct.subscriptions.cancel({ id: String(subscription.id) })).error).toBeUndefined();
    await kana.close();
    const counters = await prisma.usageCounter.findMany({ where: { subscriptionId: subscription.id } });
    expect(counters.map(({ used }) => Number(used))).toEqual([7]);
  });

  test('when its caller says', async () => {
    const { kana } = connect({ flushAt: 2 });
    const timestamp = '2024-02-29T12:00:00.000Z';
    kana.features.recordUsage({ ...usage, timestamp });
    await kana.features.recordUsage({ ...usage, timestamp: new Date(timestamp) });
    expect(await occurred()).toEqual([new Date(timestamp), new Date(timestamp)]);
  });

  test('when it is judged, if it is enforced: in the window whose limit it was held to', async () => {
    const { prisma } = app.database;
    await createPackage(prisma, { id: 'max', features: ['api-calls'] });
    await createUser(prisma, { id: 'entitled' });
    await createSubscription(prisma, { userId: 'entitled', packageId: 'max' });
    const { kana } = connect({ flushAt: 100, flushInterval: 60_000 });
    kana.features.recordUsage({ ...usage, userId: 'entitled', enforce: true });
    const used = new Date();
    while (new Date() <= used) await new Promise(setImmediate);
    expect(await kana.close()).toEqual({ data: { confirmed: 1 } });
    const [at] = await occurred();
    expect(at?.getTime()).toBeGreaterThan(used.getTime());
  });

  test('when it arrives, if the clock of its machine is more than five minutes ahead', async () => {
    const ahead = 6 * 60_000;
    const sent: (string | undefined)[][] = [];
    /** As if the machine's clock were ahead: what it stamps says so. */
    const fromAhead: typeof fetch = (input, init) => {
      const body = JSON.parse(String(init?.body));
      for (const each of body.variables.input)
        if (each.timestamp) each.timestamp = new Date(Date.parse(each.timestamp) + ahead).toISOString();
      sent.push(body.variables.input.map(({ timestamp }: { timestamp?: string }) => timestamp));
      return fetch(input, { ...init, body: JSON.stringify(body) });
    };
    const { kana } = connect({ flushAt: 3, fetch: fromAhead });
    const before = new Date();
    const answers = await Promise.all([
      kana.features.recordUsage({ ...usage, delta: 1 }),
      kana.features.recordUsage({ ...usage, delta: 2, timestamp: before }),
      kana.features.recordUsage({ ...usage, delta: 3 }),
    ]);
    expect(answers).toEqual([recorded, { error: expect.any(sdk.InputError) }, recorded]);
    expect(answers[1]?.error?.message).toBe('input.1.timestamp: must not be more than 5 minutes ahead');
    expect(sent).toEqual([Array(3).fill(expect.any(String)), [undefined, undefined]]);
    expect(await deltas()).toEqual([1, 3]);
    for (const at of await occurred()) expect(at.getTime() - before.getTime()).toBeLessThan(ahead);
  });
});

describe('one bad usage', () => {
  test('that the server refuses gets its own error, and onError hears of it; its neighbours are recorded', async () => {
    const onError = jest.fn<(error: Error) => void>();
    const { kana } = connect({ flushAt: 3, onError });
    const answers = await Promise.all([
      kana.features.recordUsage({ ...usage, delta: 1 }),
      kana.features.recordUsage({ ...usage, userId: 'nobody' }),
      kana.features.recordUsage({ ...usage, delta: 3 }),
    ]);
    expect(answers).toEqual([recorded, { error: expect.any(sdk.UserNotFoundError) }, recorded]);
    expect(onError.mock.calls).toEqual([[answers[1]?.error]]);
    expect(await deltas()).toEqual([1, 3]);
  });

  test.each([
    ['of a wrong type', { ...usage, userId: 5 as unknown as string }],
    ['that is no JSON', { ...usage, delta: Number.NaN }],
    ['longer than a request may be', { ...usage, userId: 'x'.repeat(1_100_000) }],
  ])('%s, which spoils the whole request, is refused alone', async (_, bad) => {
    const { kana } = connect({ flushAt: 8 });
    const good = numbers(7).map((delta) => ({ ...usage, delta }));
    const answers = await Promise.all(
      [...good.slice(0, 5), bad, ...good.slice(5)].map((each) => kana.features.recordUsage(each)),
    );
    expect(answers.map(({ error }) => error?.constructor)).toEqual([
      ...Array(5).fill(undefined),
      sdk.InputError,
      ...Array(2).fill(undefined),
    ]);
    expect(await deltas()).toEqual(numbers(7));
    expect(kana.pending).toBe(0);
  });
});

describe.each(['SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR'])(
  'a server that fails at one of several: %s',
  (code) => {
    /** The server, as if it had failed at the second usage of a list, as often as told. */
    function failing(times: number): typeof fetch {
      let left = times;
      return async (input, init) => {
        left -= 1;
        if (left < 0) return fetch(input, init);
        const body = JSON.parse(String(init?.body));
        body.variables.input.splice(1, 1);
        const answer = await (await fetch(input, { ...init, body: JSON.stringify(body) })).json();
        const error = { name: 'AnyError', message: 'Send it again.', code };
        answer.data.recordUsages.splice(1, 0, { recorded: false, reason: null, duplicate: false, error });
        return Response.json(answer);
      };
    }
    const usages = [1, 2, 3].map((delta) => ({ ...usage, delta, idempotencyKey: `${code}-${delta}` }));
    const duplicate = { data: { ...recorded.data, duplicate: true } };
    const failure = expect.objectContaining({ code, message: 'Send it again.' });

    test('all of the batch stays in the buffer, is sent again, and counts once', async () => {
      const onError = jest.fn<(error: Error) => void>();
      const { kana } = connect({ flushAt: 100, flushInterval: 60_000, fetch: failing(1), onError });
      const answers = usages.map((each) => kana.features.recordUsage(each));
      expect(await kana.flush()).toEqual({ error: failure });
      expect(kana.pending).toBe(3);
      expect(await deltas()).toEqual([1, 3]);

      expect(await kana.flush()).toEqual({ data: { confirmed: 3 } });
      expect(await Promise.all(answers)).toEqual([duplicate, recorded, duplicate]);
      expect(await deltas()).toEqual([1, 3, 2]);
      expect(onError.mock.calls).toEqual([[failure]]);
    });

    test('recordUsages answers its error, and counts each once when it is called again', async () => {
      const { kana } = connect({ fetch: failing(1) });
      expect(await kana.features.recordUsages(usages)).toEqual({ error: failure });
      expect(await kana.features.recordUsages(usages)).toEqual({ data: [duplicate, recorded, duplicate] });
      expect(await deltas()).toEqual([1, 3, 2]);
    });

    test('recordUsages is sent again as retry decides', async () => {
      const { kana } = connect({ fetch: failing(2), retry: (error) => error.code === code });
      expect(await kana.features.recordUsages(usages)).toEqual({ data: [duplicate, recorded, duplicate] });
    });
  },
);

test('a key that is not valid keeps the usages, for they can still be recorded', async () => {
  const { kana } = connect({ apiKey: app.keys.publicTest, flushAt: 100, flushInterval: 60_000 });
  kana.features.recordUsage(usage);
  expect(await kana.flush()).toEqual({ error: expect.any(sdk.AuthenticationError) });
  expect(kana.pending).toBe(1);
  await kana.close();
});

test('close sends what waits and takes no more', async () => {
  const { kana } = connect({ flushAt: 100, flushInterval: 60_000 });
  const answer = kana.features.recordUsage(usage);
  expect(await kana.close()).toEqual({ data: { confirmed: 1 } });
  expect(await answer).toEqual(recorded);
  const { error } = await kana.features.recordUsage(usage);
  expect(error?.name).toBe('ClosedError');
  expect(await deltas()).toEqual([1]);
});

test('a close that failed can be repeated', async () => {
  const { kana, line } = connect({ flushAt: 100, flushInterval: 5 });
  line.broken = 'before';
  kana.features.recordUsage(usage);
  expect(await kana.close()).toEqual({ error: expect.any(sdk.NetworkError) });
  line.broken = '';
  expect(await kana.close()).toEqual({ data: { confirmed: 1 } });
});

test('the entitlement is answered to those who asked for it, and to nobody else', async () => {
  const { kana } = connect({ flushAt: 2 });
  const answers = await Promise.all([
    kana.features.recordUsage(usage),
    kana.features.recordUsage({ ...usage, includeEntitlement: true }),
  ]);
  const entitlement = expect.objectContaining({ access: false });
  expect(answers).toEqual([recorded, { data: { ...recorded.data, entitlement } }]);
});

test('without buffering there is nothing to flush or close', async () => {
  const kana = new KanaAdmin({ apiKey: app.keys.test, endpoint: `${app.url}/graphql` });
  expect(await kana.flush()).toEqual({ data: { confirmed: 0 } });
  expect(await kana.features.recordUsage(usage)).toEqual(recorded);
  expect(kana.pending).toBe(0);
  expect(await kana.close()).toEqual({ data: { confirmed: 0 } });
});
