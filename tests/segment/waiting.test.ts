import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { storeEvents } from '../../src/segment/events/store.ts';
import { sweep } from '../../src/segment/sweep.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import {
  createRule,
  identifyEvent,
  ingest,
  postEvents,
  trackEvent,
  usageOf,
  workOn,
} from '../helpers/segment.ts';

/* Events that come before what they need: their user, or the process that finishes what it began. */

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'messages' });
  await createFeature(prisma, { id: 'calls' });
  await createPackage(prisma, { id: 'base', features: ['messages'] });
});
afterAll(() => app.close());

const usage = (userId: string, facts: object = {}) =>
  trackEvent({ userId, properties: { featureId: 'messages' }, ...facts });

const rowOf = async (messageId: string) => {
  const row = await app.database.prisma.segmentEvent.findUniqueOrThrow({
    where: { environmentId_messageId: { environmentId: 'test', messageId } },
  });
  return { outcome: row.outcome, featureId: row.featureId, ruleId: row.ruleId, delta: Number(row.delta) };
};
const recorded = { outcome: 'RECORDED', featureId: 'messages', ruleId: null, delta: 1 };

describe('usage of an unknown user', () => {
  it('waits, and says what it is waiting with', async () => {
    const event = usage('unknown', { properties: { featureId: 'messages', delta: 7 } });
    expect(await ingest(app, event)).toEqual({
      messageId: event.messageId,
      outcome: 'PENDING_USER',
      firstOutcome: 'PENDING_USER',
      delta: 7,
      feature: { id: 'messages' },
      rule: null,
      user: null,
    });
    expect(await rowOf(event.messageId)).toEqual({ ...recorded, outcome: 'PENDING_USER', delta: 7 });
  });

  it.each<[string, (id: string) => Promise<unknown>]>([
    ['identified', (id) => ingest(app, identifyEvent(id))],
    ['made by createUser', (id) => app.ok(`mutation { createUser(input: { id: "${id}" }) { id } }`)],
    [
      'renamed to the id',
      async (id) => {
        await createUser(app.database.prisma, { id: `former ${id}` });
        await app.ok(`mutation { updateUser(id: "former ${id}", input: { id: "${id}" }) { id } }`);
      },
    ],
    [
      'imported',
      (id) =>
        app.ok(`mutation ($csv: String!) { importUsers(csv: $csv) { rows { outcome } } }`, {
          csv: `id\n${id}\n`,
        }),
    ],
    [
      'claimed',
      async (id) => {
        const email = `${id}@x`;
        await app.database.prisma.user.create({
          data: { environmentId: 'test', id: email, email, imported: true },
        });
        expect((await ingest(app, identifyEvent(id, { email }))).outcome).toBe('USER_CLAIMED');
      },
    ],
  ])('is recorded, all of it, before it is answered that the user is %s', async (how, appear) => {
    const events = [1, 2, 3].map(() => usage(how));
    for (const event of events) expect((await ingest(app, event)).outcome).toBe('PENDING_USER');
    await appear(how);
    for (const { messageId } of events) expect(await rowOf(messageId)).toEqual(recorded);
    expect((await usageOf(app.database, 'messages'))[how]).toEqual({ events: 3, delta: 3, windows: [] });
    expect((await ingest(app, events[0])).firstOutcome).toBe('RECORDED');
  });

  it('counts at its own time, in what the user was subscribed to then', async () => {
    const before = usage('late', { timestamp: '2024-01-01T00:00:00Z' });
    const after = usage('late', {
      timestamp: '2024-03-01T00:00:00Z',
      properties: { featureId: 'messages', delta: 5 },
    });
    for (const event of [before, after]) await ingest(app, event);
    await createUser(app.database.prisma, { id: 'former late' });
    await createSubscription(app.database.prisma, {
      userId: 'former late',
      packageId: 'base',
      startedAt: new Date('2024-02-01'),
    });
    await app.ok(`mutation { updateUser(id: "former late", input: { id: "late" }) { id } }`);
    expect((await usageOf(app.database, 'messages')).late).toEqual({ events: 2, delta: 6, windows: [5] });
  });

  it('keeps the rule that matched it, also when the rule is edited or deleted before the user appears', async () => {
    const ruleId = await createRule(app, { name: 'Calls', featureId: 'calls', eventName: 'Called' });
    const event = trackEvent({ userId: 'ruled', event: 'Called' });
    expect((await ingest(app, event)).outcome).toBe('PENDING_USER');
    await app.ok(`mutation { deleteMappingRule(id: "${ruleId}") { id } }`);
    await ingest(app, identifyEvent('ruled'));
    expect(await rowOf(event.messageId)).toEqual({
      outcome: 'RECORDED',
      featureId: 'calls',
      ruleId,
      delta: 1,
    });
    expect(await ingest(app, event)).toMatchObject({
      outcome: 'DUPLICATE',
      rule: null,
      feature: { id: 'calls' },
    });
  });

  it('waits again when the user is deleted', async () => {
    await ingest(app, identifyEvent('gone'));
    await app.ok(`mutation { deleteUser(id: "gone") { id } }`);
    const event = usage('gone');
    expect((await ingest(app, event)).outcome).toBe('PENDING_USER');
    await ingest(app, identifyEvent('gone'));
    expect(await rowOf(event.messageId)).toEqual(recorded);
  });

  it('goes to the survivor when the user was merged', async () => {
    for (const id of ['survivor', 'merged']) await ingest(app, identifyEvent(id));
    await app.ok(`mutation { mergeUsers(ids: ["survivor", "merged"]) { id } }`);
    expect(await ingest(app, usage('merged'))).toMatchObject({
      outcome: 'RECORDED',
      user: { id: 'survivor' },
    });
  });

  it('is nobody else’s in another environment', async () => {
    const event = usage('elsewhere');
    await ingest(app, event);
    await ingest(app, identifyEvent('elsewhere'), app.keys.live);
    expect((await rowOf(event.messageId)).outcome).toBe('PENDING_USER');
  });
});

describe('usage that arrives while its user appears', () => {
  const appear: Record<string, (id: string) => Promise<unknown>> = {
    identify: (id) => ingest(app, identifyEvent(id)),
    createUser: (id) => app.ok(`mutation { createUser(input: { id: "${id}" }) { id } }`),
  };
  it.each(Object.keys(appear))('is never lost, and never counted twice: %s', async (how) => {
    const rounds = 30;
    for (let round = 0; round < rounds; round += 1) {
      const id = `${how} ${round}`;
      await Promise.all([
        postEvents(app, usage(id)),
        postEvents(app, [usage(id), usage(id)]),
        appear[how]?.(id),
        ingest(app, usage(id)),
      ]);
    }
    const all = await usageOf(app.database, 'messages');
    const counts = Array.from({ length: rounds }, (_, round) => all[`${how} ${round}`]?.events);
    expect(counts).toEqual(Array(rounds).fill(4));
  });
});

describe('an event that was stored, and not processed before the process ended', () => {
  /** As it is when the process is killed right after storing it. */
  async function leave(event: { messageId: string; type: string; userId: string }) {
    await storeEvents(app.database.work, [
      {
        environmentId: 'test',
        messageId: event.messageId,
        type: event.type === 'track' ? 'TRACK' : 'IDENTIFY',
        userId: event.userId,
        eventName: event.type === 'track' ? 'Message Sent' : null,
        payload: JSON.stringify(event),
        occurredAt: new Date(),
        warnings: [],
      },
    ]);
  }

  it('is listed without an outcome', async () => {
    const event = usage('left');
    await leave(event);
    const { segmentEvents } = await app.ok(`{ segmentEvents { messageId outcome } }`);
    expect(segmentEvents).toContainEqual({ messageId: event.messageId, outcome: null });
  });

  it('is processed when it is sent again', async () => {
    await ingest(app, identifyEvent('sent again'));
    const event = usage('sent again');
    await leave(event);
    expect(await ingest(app, event)).toMatchObject({ outcome: 'DUPLICATE', firstOutcome: 'RECORDED' });
    expect(await rowOf(event.messageId)).toEqual(recorded);
  });

  it('is processed by the next sweep, with all that waited for it', async () => {
    const early = usage('swept');
    await ingest(app, early);
    const [identify, late] = [identifyEvent('swept'), usage('swept')];
    for (const event of [late, identify]) await leave(event);
    await sweep(workOn(app));
    for (const { messageId } of [early, late]) expect(await rowOf(messageId)).toEqual(recorded);
    expect((await rowOf(identify.messageId)).outcome).toBe('USER_CREATED');
    expect(await app.database.prisma.segmentEvent.count({ where: { outcome: null } })).toBe(0);
  });

  it('is processed once when sweeps and senders meet', async () => {
    const ids = Array.from({ length: 5 }, (_, index) => `met ${index}`);
    const events = ids.flatMap((id) => [usage(id), identifyEvent(id), usage(id)]);
    for (const event of events) await leave(event);
    await Promise.all([
      sweep(workOn(app)),
      postEvents(app, events),
      sweep(workOn(app)),
      postEvents(app, [...events].reverse()),
    ]);
    const all = await usageOf(app.database, 'messages');
    expect(ids.map((id) => all[id]?.events)).toEqual(ids.map(() => 2));
    const users = await app.database.prisma.user.findMany({ where: { id: { startsWith: 'met ' } } });
    expect(users).toHaveLength(ids.length);
  });

  it('does not hold up the others when it fails', async () => {
    const [bad, good] = [usage('fails'), usage('works')];
    for (const event of [bad, good]) await leave(event);
    await app.database.work.query(`create function refuse() returns trigger language plpgsql as
      $$ begin if new.user_id = 'fails' then raise 'refused'; end if; return new; end $$`);
    await app.database.work.query(
      'create trigger refuse before update on segment_event for each row execute function refuse()',
    );
    await sweep(workOn(app));
    await app.database.work.query('drop function refuse cascade');
    expect([(await rowOf(bad.messageId)).outcome, (await rowOf(good.messageId)).outcome]).toEqual([
      null,
      'PENDING_USER',
    ]);
    await sweep(workOn(app));
    expect((await rowOf(bad.messageId)).outcome).toBe('PENDING_USER');
  });
});
