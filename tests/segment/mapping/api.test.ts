import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { startQueue } from '../../../src/jobs/queue.ts';
import { segmentJobs, sweepJob } from '../../../src/segment/jobs.ts';
import { backfill } from '../../../src/segment/mapping/backfill.ts';
import { processNewFeatures } from '../../../src/segment/mapping/new-features.ts';
import { findUnmatched } from '../../../src/segment/mapping/store.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { callerError, featureNotFound, invalidInput } from '../../helpers/errors.ts';
import { createFeature, createUser } from '../../helpers/factories.ts';
import { someoneWaits } from '../../helpers/locks.ts';
import {
  createRule,
  identifyEvent,
  ingest,
  postEvents,
  trackEvent,
  usageOf,
  workOn,
} from '../../helpers/segment.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

beforeEach(async () => {
  for (const id of ['packages', 'other']) await createFeature(app.database.prisma, { id });
  await createFeature(app.database.prisma, { id: 'sso', type: 'BINARY' });
  await ingest(app, identifyEvent('u'));
});
afterEach(async () => {
  const { prisma } = app.database;
  for (const table of ['segment_event', 'mapping_rule', 'usage_event', 'usage_counter', '"user"', 'feature'])
    await prisma.$executeRawUnsafe(`delete from ${table}`);
});

const fields = `id name feature { id } eventName conditions { path equals } backfill { state examined matched }`;
const create = `mutation ($input: MappingRuleInput!) { createMappingRule(input: $input) { ${fields} } }`;
const update = `mutation ($id: String!, $input: MappingRuleInput!) { updateMappingRule(id: $id, input: $input) { ${fields} } }`;
const remove = `mutation ($id: String!) { deleteMappingRule(id: $id) { id } }`;

const progress = async () =>
  (await app.ok(`{ mappingRules { name backfill { state examined matched } } }`)).mappingRules.map(
    ({
      name,
      backfill: { state, examined, matched },
    }: {
      name: string;
      backfill: Record<string, unknown>;
    }) => [name, state, examined, matched],
  );
const run = () => backfill(workOn(app), 'test');
const counts = async (featureId = 'packages') => (await usageOf(app.database, featureId)).u?.events ?? 0;

const created = (properties?: object) => trackEvent({ event: 'Package Created', properties });
const outcomes = async () => {
  const rows = await app.database.prisma.segmentEvent.groupBy({
    by: ['outcome'],
    _count: true,
    where: { type: 'TRACK' },
  });
  return Object.fromEntries(rows.map(({ outcome, _count }) => [outcome, _count]));
};

describe('a rule', () => {
  const input = {
    name: 'Add-on Package Created',
    featureId: 'packages',
    eventName: 'Package Created',
    conditions: [{ path: 'object.type', equals: 'addon' }],
  };
  const fresh = { state: 'PENDING', examined: 0, matched: 0 };

  it('is made, listed, edited and deleted', async () => {
    const { createMappingRule: made } = await app.ok(create, { input });
    const { featureId, ...said } = input;
    expect(made).toEqual({ ...said, id: made.id, feature: { id: featureId }, backfill: fresh });
    expect((await app.ok(`{ mappingRules { ${fields} } }`)).mappingRules).toEqual([made]);
    const edit = { name: 'Any package', featureId: 'other', eventName: 'Package Created' };
    const { updateMappingRule: edited } = await app.ok(update, { id: made.id, input: edit });
    expect(edited).toEqual({
      id: made.id,
      name: 'Any package',
      feature: { id: 'other' },
      eventName: 'Package Created',
      conditions: [],
      backfill: fresh,
    });
    expect(await app.ok(remove, { id: made.id })).toEqual({ deleteMappingRule: { id: made.id } });
    expect((await app.ok(`{ mappingRules { id } }`)).mappingRules).toEqual([]);
  });

  it.each<[string, object, object]>([
    ['an unknown feature', { featureId: 'nothing' }, featureNotFound('nothing')],
    [
      'a BINARY feature',
      { featureId: 'sso' },
      invalidInput('input.featureId: must name a CONSUMABLE feature'),
    ],
    [
      'nothing to match by',
      { eventName: null, conditions: [] },
      invalidInput(
        'input.conditions: must hold a condition when there is no event name: a rule for every event is refused',
      ),
    ],
    ['a blank name', { name: ' ' }, invalidInput('input.name: must not be blank')],
  ])('is refused with %s, when it is made and when it is edited', async (_name, change, error) => {
    const { createMappingRule: made } = await app.ok(create, { input });
    expect(await app.fails(create, { input: { ...input, ...change } })).toMatchObject(error);
    expect(await app.fails(update, { id: made.id, input: { ...input, ...change } })).toMatchObject(error);
    expect((await app.ok(`{ mappingRules { ${fields} } }`)).mappingRules).toEqual([made]);
  });

  it('cannot be edited or deleted when there is none with the id, or only in another environment', async () => {
    const { createMappingRule: made } = await app.ok(create, { input });
    for (const [id, key] of [
      ['nothing', app.keys.test],
      [made.id, app.keys.live],
    ] as const) {
      const missing = callerError(
        'NOT_FOUND',
        'MappingRuleNotFoundError',
        `There is no mapping rule with the id "${id}".`,
      );
      expect(await app.fails(remove, { id }, key)).toMatchObject(missing);
      if (key === app.keys.test) expect(await app.fails(update, { id, input }, key)).toMatchObject(missing);
    }
    expect((await app.ok(`{ mappingRules { id } }`, {}, app.keys.live)).mappingRules).toEqual([]);
  });

  it('decides events from then on; the oldest of several counts', async () => {
    const first = await createRule(app, {
      name: 'by name',
      featureId: 'packages',
      eventName: 'Package Created',
    });
    await createRule(app, {
      name: 'by type',
      featureId: 'other',
      conditions: [{ path: 'type', equals: 'addon' }],
    });
    expect((await ingest(app, created({ type: 'addon' }))).rule?.id).toBe(first);
    expect((await ingest(app, trackEvent({ event: 'X', properties: { type: 'addon' } }))).rule?.name).toBe(
      'by type',
    );
    expect((await ingest(app, trackEvent({ event: 'X' }))).outcome).toBe('UNMATCHED');
  });

  it('leaves what it recorded when it is deleted', async () => {
    const id = await createRule(app, { name: 'r', featureId: 'packages', eventName: 'Package Created' });
    const event = created();
    await ingest(app, event);
    await app.ok(remove, { id });
    expect(await counts()).toBe(1);
    expect((await ingest(app, event)).outcome).toBe('DUPLICATE');
    expect((await ingest(app, created())).outcome).toBe('UNMATCHED');
  });
});

describe('a rule reaches back', () => {
  it('to exactly the stored events that it matches, once each, however often it is applied', async () => {
    const matching = Array.from({ length: 1_200 }, (_, index) =>
      created({ type: index % 3 ? 'addon' : 'base' }),
    );
    const others = Array.from({ length: 300 }, () =>
      trackEvent({ event: 'Other', properties: { type: 'addon' } }),
    );
    await postEvents(app, [...matching.slice(0, 700), ...others]);
    await postEvents(app, matching.slice(700));
    await createRule(app, {
      name: 'addons',
      featureId: 'packages',
      eventName: 'Package Created',
      conditions: [{ path: 'type', equals: 'addon' }],
    });
    expect(await progress()).toEqual([['addons', 'PENDING', 0, 0]]);
    await run();
    expect(await progress()).toEqual([['addons', 'DONE', 1_500, 800]]);
    expect(await outcomes()).toEqual({ RECORDED: 800, UNMATCHED: 700 });
    expect(await usageOf(app.database, 'packages')).toEqual({ u: { events: 800, delta: 800, windows: [] } });
    await run();
    expect(await counts()).toBe(800);
    const [claimed] = (
      await app.ok(
        `{ segmentEvents(outcome: RECORDED, first: 1) { rule { name } feature { id } user { id } delta } }`,
      )
    ).segmentEvents;
    expect(claimed).toEqual({
      rule: { name: 'addons' },
      feature: { id: 'packages' },
      user: { id: 'u' },
      delta: 1,
    });
  });

  it('also to events of users who are not known yet: they wait, and are recorded when the user appears', async () => {
    await ingest(app, created());
    await ingest(app, { ...created(), userId: 'later' });
    await createRule(app, { name: 'r', featureId: 'packages', eventName: 'Package Created' });
    await run();
    expect(await progress()).toEqual([['r', 'DONE', 2, 2]]);
    expect(await outcomes()).toEqual({ RECORDED: 1, PENDING_USER: 1 });
    await ingest(app, identifyEvent('later'));
    expect(await outcomes()).toEqual({ RECORDED: 2 });
  });

  it('never to an event that was mapped before, also when it is edited', async () => {
    for (const type of ['a', 'b']) await ingest(app, created({ type }));
    const id = await createRule(app, {
      name: 'a',
      featureId: 'packages',
      conditions: [{ path: 'type', equals: 'a' }],
    });
    await run();
    const input = { name: 'all', featureId: 'other', eventName: 'Package Created' };
    await app.ok(update, { id, input });
    expect(await progress()).toEqual([['all', 'PENDING', 0, 0]]);
    await run();
    expect(await progress()).toEqual([['all', 'DONE', 1, 1]]);
    expect([await counts('packages'), await counts('other')]).toEqual([1, 1]);
  });

  it('after the older rules, so that of several the oldest counts', async () => {
    for (const type of ['a', 'b']) await ingest(app, created({ type }));
    await createRule(app, {
      name: 'older',
      featureId: 'packages',
      conditions: [{ path: 'type', equals: 'a' }],
    });
    await createRule(app, { name: 'newer', featureId: 'other', eventName: 'Package Created' });
    await run();
    expect(await progress()).toEqual([
      ['older', 'DONE', 2, 1],
      ['newer', 'DONE', 1, 1],
    ]);
    expect([await counts('packages'), await counts('other')]).toEqual([1, 1]);
  });

  it('and is done only when everything that it claimed is recorded, which the younger need not wait for', async () => {
    await createUser(app.database.prisma, { id: 'stuck' });
    await ingest(app, { ...created(), userId: 'stuck' });
    await ingest(app, created());
    await ingest(app, trackEvent({ event: 'Other' }));
    await createRule(app, { name: 'first', featureId: 'packages', eventName: 'Package Created' });
    await createRule(app, { name: 'second', featureId: 'other', eventName: 'Other' });
    const { work } = app.database;
    await work.query(`create function refuse() returns trigger language plpgsql as
      $$ begin if new.user_id = 'stuck' and new.outcome is not null then raise 'refused'; end if; return new; end $$`);
    await work.query(
      'create trigger refuse before update on segment_event for each row execute function refuse()',
    );
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      await expect(run()).rejects.toThrow('usage of matched events could not be recorded yet');
      expect(await progress()).toEqual([
        ['first', 'RUNNING', 3, 2],
        ['second', 'DONE', 1, 1],
      ]);
    }
    await work.query('drop function refuse cascade');
    expect((await usageOf(app.database, 'packages')).stuck).toBeUndefined();
    await run();
    expect(await progress()).toEqual([
      ['first', 'DONE', 3, 2],
      ['second', 'DONE', 1, 1],
    ]);
    expect((await usageOf(app.database, 'packages')).stuck).toMatchObject({ events: 1, delta: 1 });
    expect(await outcomes()).toEqual({ RECORDED: 3 });
  });

  it('to large events too, of which it reads only a few at once', async () => {
    const { work } = app.database;
    await work.query(
      `insert into segment_event
         (environment_id, message_id, type, user_id, event_name, payload, occurred_at, received_at, outcome)
       select 'test', 'large ' || n, 'TRACK', 'u', 'Large', jsonb_build_object('properties',
         jsonb_build_object('type', 'addon', 'text', repeat('x', 1000000 * (1 + n / 20 * 9)))), now(), now(), 'UNMATCHED'
       from generate_series(1, 20) n`,
    );
    const conditions = [{ path: 'type', equals: 'addon' }];
    const id = await createRule(app, { name: 'r', featureId: 'packages', conditions });
    const client = await work.connect();
    const terms = {
      id,
      environmentId: 'test',
      featureId: 'packages',
      eventName: null,
      conditions,
      deltaPath: null,
      precision: 0,
    };
    const first = await findUnmatched(client, { ...terms, examinedAt: null, examinedId: null }, 500);
    expect(first).toHaveLength(8);
    client.release();
    await run();
    expect(await progress()).toEqual([['r', 'DONE', 20, 20]]);
    expect(await outcomes()).toEqual({ RECORDED: 20 });
  });

  it('in its own environment only', async () => {
    await ingest(app, created());
    await ingest(app, created(), app.keys.live);
    await createRule(app, { name: 'r', featureId: 'packages', eventName: 'Package Created' });
    await run();
    const live = await app.ok(`{ segmentEvents { outcome } }`, {}, app.keys.live);
    expect(live.segmentEvents).toEqual([{ outcome: 'UNMATCHED' }]);
  });

  it('and begins again from the first event when it is edited on the way', async () => {
    await postEvents(
      app,
      Array.from({ length: 1_000 }, (_, index) => created({ type: index < 500 ? 'early' : 'late' })),
    );
    const id = await createRule(app, {
      name: 'late',
      featureId: 'packages',
      conditions: [{ path: 'type', equals: 'late' }],
    });
    // Stops after the first chunk, which holds early events only.
    const stop = new AbortController();
    const chunk = backfill({ ...workOn(app), stop: stop.signal }, 'test');
    while ((await progress())[0]?.[2] === 0) await sleep(1);
    stop.abort();
    await chunk;
    await app.ok(update, {
      id,
      input: { name: 'early', featureId: 'packages', conditions: [{ path: 'type', equals: 'early' }] },
    });
    await run();
    const [row] = await progress();
    expect(row.slice(0, 2)).toEqual(['early', 'DONE']);
    const claimed = await app.database.prisma.segmentEvent.groupBy({
      by: ['outcome', 'eventName'],
      _count: true,
    });
    const early = await app.database.prisma.segmentEvent.count({
      where: { outcome: 'RECORDED', payload: { path: ['properties', 'type'], equals: 'early' } },
    });
    expect(claimed.length).toBeGreaterThan(0);
    expect(early).toBe(500);
  });
});

describe('while a rule reaches back', () => {
  it('events go on arriving, and each is claimed exactly once', async () => {
    const send = (count: number) =>
      postEvents(
        app,
        Array.from({ length: count }, () => created()),
      );
    for (let index = 0; index < 2; index += 1) await send(500);
    const arriving = (async () => {
      for (let index = 0; index < 20; index += 1) await send(20);
    })();
    await createRule(app, { name: 'r', featureId: 'packages', eventName: 'Package Created' });
    await Promise.all([run(), arriving]);
    await run();
    expect(await outcomes()).toEqual({ RECORDED: 1_400 });
    expect(await counts()).toBe(1_400);
  });

  it('an event that was decided without the rule, and is committed after it was made, is found', async () => {
    // Someone decides an event, and holds on: the rule has to wait.
    const client = await app.database.work.connect();
    await client.query('begin');
    await client.query(`select pg_advisory_xact_lock_shared(hashtextextended('segment rules test', 0))`);
    const event = created();
    const making = createRule(app, { name: 'r', featureId: 'packages', eventName: 'Package Created' });
    await someoneWaits(app.database);
    await client.query(
      `insert into segment_event (environment_id, message_id, type, user_id, event_name, payload, occurred_at, received_at, outcome)
       values ('test', $1, 'TRACK', 'u', $2, $3, now(), now() - interval '1 day', 'UNMATCHED')`,
      [event.messageId, event.event, event],
    );
    await client.query('commit');
    client.release();
    await making;
    await run();
    expect(await outcomes()).toEqual({ RECORDED: 1 });
  });

  it('several processes may try: one leads, and everything is claimed once', async () => {
    await postEvents(
      app,
      Array.from({ length: 1_000 }, () => created()),
    );
    await createRule(app, { name: 'r', featureId: 'packages', eventName: 'Package Created' });
    await Promise.all([run(), run(), run()]);
    expect(await progress()).toEqual([['r', 'DONE', 1_000, 1_000]]);
    expect(await counts()).toBe(1_000);
  });

  it('what a killed process had claimed is recorded by the next, and where it stopped the next goes on', async () => {
    await postEvents(
      app,
      Array.from({ length: 600 }, () => created()),
    );
    const id = await createRule(app, { name: 'r', featureId: 'packages', eventName: 'Package Created' });
    // As it is when the process is killed between claiming a chunk and recording it.
    const { work } = app.database;
    const { rows } = await work.query(
      `update segment_event set outcome = null, feature_id = 'packages', rule_id = $1, delta = 1
       where message_id in (select message_id from segment_event where outcome = 'UNMATCHED'
         order by received_at, message_id limit 500) returning message_id, received_at`,
      [id],
    );
    const last = rows.sort((a, b) => (a.message_id < b.message_id ? -1 : 1)).at(-1);
    await work.query(
      `update mapping_rule set backfill = 'RUNNING', examined = 500, matched = 500, examined_at = $1, examined_id = $2`,
      [last.received_at, last.message_id],
    );
    await run();
    expect(await progress()).toEqual([['r', 'DONE', 600, 600]]);
    expect(await outcomes()).toEqual({ RECORDED: 600 });
    expect(await counts()).toBe(600);
  });
});

describe('the queue', () => {
  const start = () =>
    startQueue(app.database.hot.options.connectionString ?? '', segmentJobs(app.database.prisma), {
      atStart: [sweepJob],
      log: pino({ level: 'silent' }),
    });
  const done = async () => {
    while (!(await progress()).every(([, state]: string[]) => state === 'DONE')) await sleep(20);
  };

  it('applies a rule as soon as it is made, and after an edit again', async () => {
    const queue = await start();
    await ingest(app, created());
    const id = await createRule(app, { name: 'other', featureId: 'other', eventName: 'Other' });
    await done();
    expect(await progress()).toEqual([['other', 'DONE', 1, 0]]);
    await app.ok(update, {
      id,
      input: { name: 'mine', featureId: 'packages', eventName: 'Package Created' },
    });
    await done();
    expect(await progress()).toEqual([['mine', 'DONE', 1, 1]]);
    await queue.stop();
    expect(await counts()).toBe(1);
  });

  it('takes up at start what was left, also jobs that a killed process still holds', async () => {
    await ingest(app, created());
    await createRule(app, { name: 'r', featureId: 'packages', eventName: 'Package Created' });
    await app.database.work.query(
      `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'killed', attempts = 1`,
    );
    const queue = await start();
    await done();
    await queue.stop();
    expect(await progress()).toEqual([['r', 'DONE', 1, 1]]);
    expect(await counts()).toBe(1);
  });

  it('stops between two chunks, and goes on at the next start', async () => {
    for (let index = 0; index < 2; index += 1)
      await postEvents(
        app,
        Array.from({ length: 750 }, () => created()),
      );
    const first = await start();
    await createRule(app, { name: 'r', featureId: 'packages', eventName: 'Package Created' });
    while ((await progress())[0]?.[2] === 0) await sleep(1);
    await first.stop();
    const [[, state, examined]] = await progress();
    const second = await start();
    await done();
    await second.stop();
    expect([state, examined < 1_500]).toEqual(['RUNNING', true]);
    expect(await progress()).toEqual([['r', 'DONE', 1_500, 1_500]]);
    expect(await counts()).toBe(1_500);
  });
});

describe('a rule that says where the delta is', () => {
  const call = (minutes: unknown) => trackEvent({ event: 'Called', properties: { call: { minutes } } });
  const rule = { name: 'Minutes', featureId: 'packages', eventName: 'Called', deltaPath: 'call.minutes' };
  const sum = async () => (await usageOf(app.database, 'packages')).u?.delta ?? 0;

  it('counts what is there, now and reaching back; the rest waits for a better rule', async () => {
    await postEvents(app, [call(7), call('3'), call('long'), call(undefined)]);
    const { createMappingRule: made } = await app.ok(
      `mutation ($input: MappingRuleInput!) { createMappingRule(input: $input) { id deltaPath } }`,
      { input: rule },
    );
    expect(made.deltaPath).toBe('call.minutes');
    expect(await ingest(app, call(5))).toMatchObject({ outcome: 'RECORDED', delta: 5 });
    expect(await ingest(app, call(null))).toMatchObject({
      outcome: 'DELTA_UNUSABLE',
      delta: null,
      feature: null,
      rule: { id: made.id },
    });
    await run();
    expect(await outcomes()).toEqual({ RECORDED: 3, DELTA_UNUSABLE: 3 });
    expect(await progress()).toEqual([['Minutes', 'DONE', 5, 2]]);
    expect(await sum()).toBe(15);
    expect((await app.ok(`{ segmentStatus { unmatched deltaUnusable } }`)).segmentStatus).toEqual({
      unmatched: 0,
      deltaUnusable: 3,
    });

    const preview = `query ($input: MappingRuleInput!) { previewMappingRule(input: $input) { matched deltaUnusable examined } }`;
    const { previewMappingRule } = await app.ok(preview, { input: rule });
    expect(previewMappingRule).toEqual({ matched: 0, deltaUnusable: 3, examined: 3 });

    await createRule(app, { name: 'Calls', featureId: 'packages', eventName: 'Called' });
    await run();
    expect(await outcomes()).toEqual({ RECORDED: 6 });
    expect(await sum()).toBe(18);
  });

  it('waits also for the rule itself to be edited', async () => {
    await ingest(app, call({ long: 4 }));
    const id = (await app.ok(create, { input: rule })).createMappingRule.id;
    await run();
    expect(await outcomes()).toEqual({ DELTA_UNUSABLE: 1 });
    await app.ok(update, { id, input: { ...rule, deltaPath: 'call.minutes.long' } });
    await run();
    expect(await outcomes()).toEqual({ RECORDED: 1 });
    expect(await sum()).toBe(4);
  });

  it.each(['', 'a..b', '.'])('has a path of names: %j is refused', async (deltaPath) => {
    expect(await app.fails(create, { input: { ...rule, deltaPath } })).toMatchObject({
      extensions: { code: 'BAD_USER_INPUT' },
    });
  });
});

describe('a feature that appears after its events', () => {
  const future = (facts: object) => trackEvent({ properties: { featureId: 'future', delta: 5 }, ...facts });
  const jobs = async () =>
    (
      await app.database.work.query(`select payload from graphile_worker._private_jobs where key = $1`, [
        'features-created test',
      ])
    ).rows;
  const sum = async () => (await usageOf(app.database, 'future')).u?.delta ?? 0;
  // No queue runs here: jobs of the tests before are still there.
  beforeEach(() => app.database.work.query('delete from graphile_worker._private_jobs'));

  it('has them counted by their own deltas', async () => {
    const unusable = future({ properties: { featureId: 'future', delta: 1.5 } });
    const events = [future({}), future({ userId: 'later' }), unusable, created()];
    for (const event of events) expect((await ingest(app, event)).outcome).toBe('UNMATCHED');
    await app.ok(`mutation { createFeature(input: { id: "future", type: CONSUMABLE }) { id } }`);
    expect(await jobs()).toHaveLength(1);
    for (let times = 0; times < 2; times += 1) await processNewFeatures(workOn(app), 'test');
    expect(await outcomes()).toEqual({ RECORDED: 1, PENDING_USER: 1, UNMATCHED: 2 });
    expect(await sum()).toBe(5);
    expect(await ingest(app, events[0])).toMatchObject({
      outcome: 'DUPLICATE',
      firstOutcome: 'RECORDED',
      delta: 5,
    });
    await ingest(app, identifyEvent('later'));
    expect(await outcomes()).toEqual({ RECORDED: 2, UNMATCHED: 2 });
  });

  it('also when publishing a catalogue file makes it', async () => {
    const event = future({});
    await ingest(app, event);
    const authorization = app.keys.test;
    const { body: file } = await app.http.get('/cli/pull').set('Authorization', authorization);
    const publish = async (features: object[]) => {
      const sent = app.http.post('/cli/publish').set('Authorization', authorization);
      expect((await sent.send({ ...file, features })).status).toBe(200);
    };
    await publish([{ ...file.features[0], name: 'Renamed' }, ...file.features.slice(1)]);
    expect(await jobs()).toEqual([]);
    await publish([...file.features, { id: 'future', name: 'Future', type: 'CONSUMABLE' }]);
    expect(await jobs()).toEqual([{ payload: { environmentId: 'test' } }]);
    await processNewFeatures(workOn(app), 'test');
    expect(await sum()).toBe(5);
  });

  it('also where a rule could not use their deltas', async () => {
    await createRule(app, { name: 'r', featureId: 'packages', eventName: 'Message Sent', deltaPath: 'size' });
    expect((await ingest(app, future({}))).outcome).toBe('DELTA_UNUSABLE');
    await createFeature(app.database.prisma, { id: 'future' });
    await processNewFeatures(workOn(app), 'test');
    expect(await sum()).toBe(5);
  });
});
