import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { PoolClient } from 'pg';
import { sweep } from '../../src/segment/sweep.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createUser } from '../helpers/factories.ts';
import { someoneWaitsFor } from '../helpers/locks.ts';
import { ingest, postEvents, trackEvent, usageOf, workOn } from '../helpers/segment.ts';

/* Somebody holds one user for long, as a merge or an operator's session does: nobody else's usage waits for it. */

const others = Array.from({ length: 9 }, (_, index) => `other ${index}`);

let app: TestApp;
let holder: PoolClient;
beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'messages' });
  for (const id of ['held', ...others]) await createUser(app.database.prisma, { id });
});
afterAll(() => app.close());

beforeEach(async () => {
  holder = await app.database.hot.connect();
  await holder.query(`begin; select from "user" where id = 'held' for update`);
});
afterEach(() => holder.release(true));
const release = () => holder.query('rollback');

const usage = (userId: string) => trackEvent({ userId, properties: { featureId: 'messages' } });
const outcomeOf = async (messageId: string) => {
  const where = { environmentId_messageId: { environmentId: 'test', messageId } };
  return (await app.database.prisma.segmentEvent.findUnique({ where }))?.outcome;
};
const countOf = async (userId: string) => (await usageOf(app.database, 'messages'))[userId]?.events ?? 0;

it('a batch with one event of a held user records the others at once, and that one after the release', async () => {
  const events = ['held', ...others].map(usage);
  const [held, ...rest] = events;
  const answer = postEvents(app, events);
  const answered = Promise.resolve(answer);
  await someoneWaitsFor(app.database, holder);
  for (const { messageId } of rest) expect(await outcomeOf(messageId)).toBe('RECORDED');
  // Others that come now do not queue behind the one that waits.
  expect((await ingest(app, usage('other 0'))).outcome).toBe('RECORDED');
  await release();
  const { status, body } = await answered;
  expect(status).toBe(200);
  expect(body.map(({ outcome }: { outcome: string }) => outcome)).toEqual(events.map(() => 'RECORDED'));
  expect(await outcomeOf(held?.messageId ?? '')).toBe('RECORDED');
  expect(await countOf('held')).toBe(1);
});

it('an event of a user who stays held is told to come again, its neighbours are not, and it counts once', async () => {
  const before = await countOf('held');
  const events = ['held', 'other 1', 'other 2'].map(usage);
  const { status, headers, body } = await postEvents(app, events);
  expect(status).toBe(503);
  expect(headers['retry-after']).toBeDefined();
  expect(body).toMatchObject([
    { error: { code: 'SERVICE_UNAVAILABLE' } },
    { outcome: 'RECORDED' },
    { outcome: 'RECORDED' },
  ]);
  await release();
  const again = await postEvents(app, events);
  expect(again.body).toMatchObject(events.map(() => ({ outcome: 'DUPLICATE', firstOutcome: 'RECORDED' })));
  expect(await countOf('held')).toBe(before + 1);
});

it('a sweep takes up the others of a page, and leaves those of the held user to the next', async () => {
  const before = await countOf('held');
  const neighbour = await countOf('other 3');
  const events = ['held', 'other 3', 'held', 'other 4'].map(usage);
  await Promise.all(events.map((event) => ingest(app, event).catch(() => undefined)));
  const [first, second, third, fourth] = events.map(({ messageId }) => messageId) as [string, ...string[]];
  // As it is when the process ended right after storing them.
  const untouched = [second, fourth];
  await app.database.prisma.segmentEvent.updateMany({
    where: { messageId: { in: untouched as string[] } },
    data: { outcome: null },
  });
  await sweep(workOn(app));
  expect(await Promise.all([first, second, third, fourth].map((id) => outcomeOf(id ?? '')))).toEqual([
    null,
    'RECORDED',
    null,
    'RECORDED',
  ]);
  await release();
  await sweep(workOn(app));
  expect(await outcomeOf(first)).toBe('RECORDED');
  expect(await countOf('held')).toBe(before + 2);
  expect(await countOf('other 3')).toBe(neighbour + 1);
});

it('recordUsage of a user who is held for an instant does not fail with one who stays held', async () => {
  const brief = await app.database.hot.connect();
  await brief.query(`begin; select from "user" where id = 'other 5' for update`);
  const record = (userId: string, more = '') =>
    `mutation { recordUsage(input: { userId: "${userId}", featureId: "messages", delta: 1${more} }) { recorded } }`;
  const stuck = app.fails(record('held'));
  await someoneWaitsFor(app.database, holder);
  const soon = [app.ok(record('other 5')), app.ok(record('other 5', ', action: SET'))];
  await someoneWaitsFor(app.database, brief);
  await brief.query('rollback');
  brief.release();
  for (const answer of soon) expect((await answer).recordUsage.recorded).toBe(true);
  expect((await stuck).extensions.code).toBe('SERVICE_UNAVAILABLE');
});
