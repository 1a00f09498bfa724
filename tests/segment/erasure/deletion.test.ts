import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { startQueue } from '../../../src/jobs/queue.ts';
import { rememberDeleted } from '../../../src/segment/erasure/store.ts';
import { storeEvents } from '../../../src/segment/events/store.ts';
import { segmentJobs } from '../../../src/segment/jobs.ts';
import { sweep } from '../../../src/segment/sweep.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createUser } from '../../helpers/factories.ts';
import { someoneWaitsFor } from '../../helpers/locks.ts';
import { createRule, identifyEvent, ingest, postEvents, trackEvent, workOn } from '../../helpers/segment.ts';

/* What Segment has sent about a user who is deleted goes with the user. */

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  for (const id of ['messages', 'calls']) await createFeature(app.database.prisma, { id });
});
afterAll(() => app.close());

const usage = (userId: string) => trackEvent({ userId, properties: { featureId: 'messages' } });
const remove = (id: string) => app.ok(`mutation { deleteUser(id: "${id}") { id } }`);

/** The outcomes of the events that came under these ids and are still there. */
async function left(...userIds: string[]) {
  const rows = await app.database.prisma.segmentEvent.findMany({
    where: { userId: { in: userIds } },
    orderBy: [{ receivedAt: 'asc' }, { messageId: 'asc' }],
  });
  return rows.map(({ environmentId, userId, outcome }) => [environmentId, userId, outcome]);
}

it('every event goes, whatever became of it, under every id that the user ever had', async () => {
  await createRule(app, { name: 'Calls', featureId: 'calls', eventName: 'Called' });
  await app.database.prisma.user.create({
    data: { environmentId: 'test', id: 'e@x', email: 'e@x', imported: true },
  });
  await postEvents(app, [
    usage('e@x'),
    usage('former'),
    identifyEvent('former', { email: 'e@x' }),
    identifyEvent('twin'),
    usage('twin'),
    trackEvent({ userId: 'twin', event: 'Nothing' }),
    usage('stranger'),
    trackEvent({ userId: 'stranger', event: 'Nothing' }),
  ]);
  await app.ok(`mutation { updateUser(id: "former", input: { id: "now" }) { id } }`);
  await app.ok(`mutation { mergeUsers(ids: ["now", "twin"]) { id } }`);
  await postEvents(app, [
    identifyEvent('now', { name: 'N' }),
    trackEvent({ userId: 'twin', event: 'Called' }),
    trackEvent({ userId: 'now', event: 'Nothing' }),
  ]);
  await ingest(app, trackEvent({ userId: 'now', event: 'Nothing' }), app.keys.live);
  expect(await left('e@x', 'former', 'now', 'twin')).toHaveLength(10);

  await remove('twin');
  expect(await left('e@x', 'former', 'now', 'twin')).toEqual([['live', 'now', 'UNMATCHED']]);
  expect(await left('stranger')).toEqual([
    ['test', 'stranger', 'PENDING_USER'],
    ['test', 'stranger', 'UNMATCHED'],
  ]);
});

it('what comes afterwards waits for a user with the id, also a message that came before', async () => {
  const event = usage('again');
  await postEvents(app, [identifyEvent('again'), event]);
  await remove('again');
  expect((await ingest(app, event)).outcome).toBe('PENDING_USER');
  await ingest(app, identifyEvent('again'));
  expect(await left('again')).toEqual([
    ['test', 'again', 'RECORDED'],
    ['test', 'again', 'USER_CREATED'],
  ]);
});

it('more events than fit into one batch go too', async () => {
  await ingest(app, identifyEvent('busy'));
  for (let batch = 0; batch < 5; batch += 1)
    await postEvents(
      app,
      Array.from({ length: 500 }, (_, index) =>
        index % 2 ? usage('busy') : trackEvent({ userId: 'busy', event: 'Nothing' }),
      ),
    );
  expect(await left('busy')).toHaveLength(2_501);
  await remove('busy');
  expect(await left('busy')).toEqual([]);
});

it('somebody whom very many users were merged into goes whole', async () => {
  const ids = Array.from({ length: 120 }, (_, index) => `crowd-${index}`);
  await postEvents(
    app,
    ids.flatMap((userId) => [identifyEvent(userId), usage(userId)]),
  );
  for (let start = 1; start < ids.length; start += 50) {
    const merged = [ids[0], ...ids.slice(start, start + 50)];
    await app.ok(`mutation { mergeUsers(ids: ${JSON.stringify(merged)}) { id } }`);
  }
  expect(await left(...ids)).toHaveLength(240);
  await remove('crowd-7');
  expect(await left(...ids)).toEqual([]);
});

it('an event that somebody is processing is waited for, and the user is not held meanwhile', async () => {
  const event = usage('held');
  await ingest(app, identifyEvent('held'));
  await ingest(app, event);
  const processing = await app.database.hot.connect();
  await processing.query('begin');
  await processing.query('select from segment_event where message_id = $1 for update', [event.messageId]);
  const removing = remove('held');
  while ((await app.database.prisma.user.count({ where: { id: 'held' } })) > 0) await sleep(5);
  // As processing goes on: from the event to the user. Were the user's row held, this would wait without end.
  await processing.query(`select from "user" where id = 'held' for key share`);
  while ((await left('held')).length > 1) await sleep(5);
  expect(await left('held')).toEqual([['test', 'held', 'RECORDED']]);
  await processing.query('commit');
  processing.release();
  await removing;
  expect(await left('held')).toEqual([]);
});

/** While `work` runs, no event can be erased: as when the process ends right after the user is deleted. */
async function withoutErasing(work: () => Promise<unknown>): Promise<void> {
  await app.database.work.query(`create function refuse() returns trigger language plpgsql as
    $$ begin raise 'refused'; end $$`);
  await app.database.work.query(
    'create trigger refuse before delete on segment_event for each row execute function refuse()',
  );
  await work();
  await app.database.work.query('drop function refuse cascade');
}

it('a job erases them when the process ends right after the user is deleted', async () => {
  await postEvents(app, [identifyEvent('interrupted'), usage('interrupted')]);
  await withoutErasing(() => remove('interrupted'));
  expect(await left('interrupted')).toHaveLength(2);
  await runJobs();
  expect(await left('interrupted')).toEqual([]);
});

it('events of somebody who has taken the id meanwhile stay', async () => {
  const nothing = () => trackEvent({ userId: 'taken', event: 'Nothing' });
  await postEvents(app, [identifyEvent('taken'), nothing()]);
  await withoutErasing(async () => {
    await remove('taken');
    await postEvents(app, [identifyEvent('taken'), nothing()]);
  });
  expect(await left('taken')).toHaveLength(4);
  await runJobs();
  expect(await left('taken')).toEqual([
    ['test', 'taken', 'USER_CREATED'],
    ['test', 'taken', 'UNMATCHED'],
  ]);
});

it('a deletion that fails leaves the events, and no job', async () => {
  await createUser(app.database.prisma, { id: 'kept' });
  await ingest(app, usage('kept'));
  await runJobs();
  await app.database.work.query(`create function refuse() returns trigger language plpgsql as
    $$ begin if old.id = 'kept' then raise 'refused'; end if; return old; end $$`);
  await app.database.work.query(
    'create trigger refuse before delete on "user" for each row execute function refuse()',
  );
  await app.fails(`mutation { deleteUser(id: "kept") { id } }`);
  await app.database.work.query('drop function refuse cascade');
  expect(await jobs()).toBe(0);
  expect(await left('kept')).toEqual([['test', 'kept', 'RECORDED']]);
});

it('while a deletion waits for whoever records usage, it holds none of the events', async () => {
  const event = usage('free');
  await ingest(app, identifyEvent('free'));
  await ingest(app, event);
  const client = await app.database.hot.connect();
  await client.query('begin');
  await client.query(`select from "user" where id = 'free' for key share`);
  const removing = remove('free');
  await someoneWaitsFor(app.database, client);
  const lock = 'select from segment_event where message_id = $1 for update nowait';
  expect((await client.query(lock, [event.messageId])).rowCount).toBe(1);
  await client.query('commit');
  client.release();
  await removing;
  expect(await left('free')).toEqual([]);
});

async function jobs(): Promise<number> {
  const { rows } = await app.database.work.query(
    `select count(*)::int as count from graphile_worker.jobs where task_identifier = 'segment-erasure'`,
  );
  return rows[0].count;
}

/** Does what was left to be done in the background. */
async function runJobs(): Promise<void> {
  const url = app.database.hot.options.connectionString ?? '';
  const log = pino({ level: 'silent' });
  const queue = await startQueue(url, segmentJobs(app.database.prisma), { atStart: [], log });
  while ((await jobs()) > 0) await sleep(20);
  await queue.stop();
}

describe('an event that is older than the deletion of its user', () => {
  const before = '2024-05-01T10:00:00Z';
  const identify = (timestamp?: string) => ({
    ...identifyEvent('gone', { email: 'gone@example.com', name: 'Gone' }),
    timestamp,
  });
  const users = async () =>
    app.database.prisma.user.findMany({ where: { id: { in: ['gone', 'was-gone'] } } });

  it('does not bring the person back, and is not kept', async () => {
    const [identified, used] = [identify(before), { ...usage('gone'), timestamp: before }];
    await postEvents(app, [identified, used]);
    await ingest(app, { ...identifyEvent('was-gone'), timestamp: before });
    await app.ok(`mutation { mergeUsers(ids: ["gone", "was-gone"]) { id } }`);
    await remove('gone');
    const again = [identified, used, { ...identifyEvent('was-gone'), timestamp: before }];
    const { status, body } = await postEvents(app, again);
    expect(status).toBe(200);
    for (const answer of body)
      expect(answer).toMatchObject({ outcome: 'USER_DELETED', firstOutcome: 'USER_DELETED' });
    expect(await users()).toEqual([]);
    expect(await left('gone', 'was-gone')).toEqual([]);
    const { rows } = await app.database.work.query('select * from deleted_user');
    expect(JSON.stringify(rows)).not.toContain('gone');
  });

  it('is dropped too if it was stored already', async () => {
    const { prisma, work } = app.database;
    const events = [identify(before), { ...usage('gone'), timestamp: before }];
    await storeEvents(
      work,
      events.map((event) => ({
        environmentId: 'test',
        messageId: event.messageId,
        type: event.type === 'track' ? ('TRACK' as const) : ('IDENTIFY' as const),
        userId: 'stored',
        eventName: event.type === 'track' ? 'Message Sent' : null,
        payload: JSON.stringify(event),
        occurredAt: new Date(before),
        receivedAt: new Date(),
        warnings: [],
      })),
    );
    await prisma.$transaction((tx) => rememberDeleted(tx, 'test', ['stored']));
    await sweep(workOn(app));
    expect(await left('stored')).toEqual([]);
    expect(await prisma.user.count({ where: { id: 'stored' } })).toBe(0);
  });

  it('does no harm to a newer event, to another environment, or to another user', async () => {
    expect((await ingest(app, identify())).outcome).toBe('USER_CREATED');
    expect((await ingest(app, { ...identify(before), userId: 'not-gone' })).outcome).toBe('USER_CREATED');
    expect((await ingest(app, identify(before), app.keys.live)).outcome).toBe('USER_CREATED');
    // Still about the person who was deleted, whoever has the id now.
    expect((await ingest(app, { ...usage('gone'), timestamp: before })).outcome).toBe('USER_DELETED');
    expect((await ingest(app, usage('gone'))).outcome).toBe('RECORDED');
  });
});
