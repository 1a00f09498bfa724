import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createUser } from '../helpers/factories.ts';
import { ingest, postEvents, trackEvent } from '../helpers/segment.ts';

let app: TestApp;
let users = 0;
let userId: string;

beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'calls' });
  await createPackage(app.database.prisma, { id: 'free', features: [{ id: 'calls', limit: 100 }] });
});

afterAll(() => app.close());

beforeEach(() => {
  users += 1;
  userId = `user-${users}`;
});

afterEach(() => {
  jest.useRealTimers();
});

/** Lets the server's clock stand so far from the database's, in milliseconds. Nothing but Date is replaced. */
function setServerClock(offsetMs: number): void {
  const timers = [
    'hrtime',
    'nextTick',
    'performance',
    'queueMicrotask',
    'setImmediate',
    'clearImmediate',
  ] as const;
  const more = ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] as const;
  jest.useFakeTimers({ now: Date.now() + offsetMs, doNotFake: [...timers, ...more] });
}

async function subscribe(): Promise<void> {
  await createUser(app.database.prisma, { id: userId });
  await app.ok('mutation ($userId: String!) { subscribe(userId: $userId, packageIds: ["free"]) { id } }', {
    userId,
  });
}

const used = async () => {
  const query = `query ($userId: String!) {
    showUsage(userId: $userId, featureId: "calls") { current { consumption { used } } }
    usageSeries(userId: $userId, featureId: "calls", bucket: HOUR) { used }
  }`;
  const { showUsage, usageSeries } = await app.ok(query, { userId });
  return [showUsage.current.consumption.used, usageSeries.at(-1).used];
};

const hourMs = 3_600_000;

test.each([
  ['behind', -2 * hourMs],
  ['ahead of', 2 * hourMs],
])(
  "with the server's clock %s the database's, Segment events count when they arrive",
  async (_side, offset) => {
    setServerClock(offset);
    await subscribe();
    const arrival = { userId, properties: { featureId: 'calls', delta: 3 } };
    expect((await ingest(app, trackEvent(arrival))).outcome).toBe('RECORDED');
    expect((await postEvents(app, trackEvent({ ...arrival, messageId: `web-${userId}` }))).status).toBe(200);
    expect(await used()).toEqual([6, 6]);
  },
);

test("with the server's clock behind, usage that happened now is not taken for usage ahead of time", async () => {
  await subscribe();
  const timestamp = new Date().toISOString();
  setServerClock(-2 * hourMs);
  const record = `mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }`;
  const input = { userId, featureId: 'calls', delta: 2, timestamp };
  expect((await app.ok(record, { input })).recordUsage.recorded).toBe(true);
});

test("with the server's clock behind, deleting a user erases the events that came before", async () => {
  await ingest(app, trackEvent({ userId, event: 'Waits for its user' }));
  await createUser(app.database.prisma, { id: userId });
  setServerClock(-2 * hourMs);
  await app.ok('mutation ($id: String!) { deleteUser(id: $id) { id } }', { id: userId });
  const left = await app.database.prisma.segmentEvent.count({ where: { userId } });
  expect(left).toBe(0);
});
