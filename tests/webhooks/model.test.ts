import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { expiryJob, expiryJobs } from '../../src/allowances/expiry/expire.ts';
import { createPost } from '../../src/http/outbound.ts';
import { backfill } from '../../src/segment/mapping/backfill.ts';
import { alertJobs, alertsJob } from '../../src/usage/alerts/follow.ts';
import { type Dispatcher, startDispatcher } from '../../src/webhooks/deliver.ts';
import { startTestApp, type TestApp, testEncryption } from '../helpers/app.ts';
import { type Received, type Receiver, startReceiver } from '../helpers/receiver.ts';
import { createRule, workOn } from '../helpers/segment.ts';

/*
 * Random usage by every way at once, late usage too, with reverts, refusals and rollbacks, and merges, imports and grants,
 * in windows that end and begin, while the receiver fails and goes away, and those who send stop, lose the database, and
 * start: what arrives, each message once, is what a model says. None is missing, none is invented. The crash suite does
 * the same to processes that are really killed; see tests/crash.
 */

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await app.ok('mutation { createFeature(input: { id: "calls", type: CONSUMABLE }) { id } }');
  const features = [
    {
      id: 'calls',
      entitlement: {
        limit: 100,
        resetPeriod: 'DAY',
        alertAt: thresholds,
        alertAtAmount: amounts,
        alertOnReset: true,
        overageEnabled: true,
      },
    },
  ];
  await app.ok('mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }', {
    input: { id: 'base', features },
  });
  const quiet = { limit: 100, resetPeriod: 'DAY' };
  for (const [id, entitlement] of Object.entries({ quiet, hard: { ...quiet, alertAt: [1] } }))
    await app.ok('mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }', {
      input: { id, features: [{ id: 'calls', entitlement }] },
    });
  for (const id of ['base', 'quiet', 'hard']) await app.ok(`mutation { publishPackage(id: "${id}") { id } }`);
  await app.ok('mutation { createFeature(input: { id: "extra", type: BINARY }) { id } }');
  await app.database.work.query(`
    create function fail_late() returns trigger language plpgsql as
      $$ begin raise exception 'as if the commit failed'; end $$;
    create constraint trigger fail_late after insert on usage_event deferrable initially deferred
      for each row when (new.delta = ${rolledBack}) execute function fail_late()`);
});
afterAll(() => app.close());

const thresholds = [20, 50, 80, 100, 150];
const amounts = [33, 111];
const topUp = { amount: 20, alertAt: [50], alertAtAmount: [3, 15] };
const users = ['u1', 'u2', 'u3', 'u4'];
const toppedUp = ['u3', 'u4'];
/** What was used elsewhere, before the import. */
const opening = 7;
/** Usage of this much fails when its transaction commits. */
const rolledBack = 999;
const { random } = Math;
const upTo = (most: number) => 1 + Math.floor(random() * most);

const recordOne = (input: object) =>
  app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', { input });
const recordList = (input: object[]) =>
  app.ok('mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded } }', {
    input,
  });
const segment = (event: object) =>
  app.ok('mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }', { event });
const importRows = (...rows: string[]) =>
  app.ok('mutation ($csv: String!) { importUsers(csv: $csv) { rows { outcome error { message } } } }', {
    csv: `${rows.join('\n')}\n`,
  });

interface Usage {
  userId: string;
  featureId: string;
  delta: number;
}

/** Reservations of one user wait for each other: on a busy machine too long. Then a client calls again. */
async function untilDone(query: string, variables: object): Promise<ReturnType<TestApp['ok']>> {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await app.ok(query, variables);
    } catch (error) {
      if (attempt === 5 || !/SERVICE_UNAVAILABLE/.test(`${error}`)) throw error;
    }
}

async function reserve({ delta: amount, ...usage }: Usage, ttlSeconds = 60): Promise<string> {
  const query = 'mutation ($input: ReserveUsageInput!) { reserveUsage(input: $input) { id reason } }';
  const input = { ...usage, amount, ttlSeconds, idempotencyKey: `${random()}` };
  const { reserveUsage } = await untilDone(query, { input });
  if (reserveUsage.id === null) throw new Error(reserveUsage.reason);
  return reserveUsage.id;
}
const commit = (id: string, amount: number) =>
  untilDone(
    'mutation ($id: String!, $amount: Amount!) { commitReservation(id: $id, amount: $amount) { recorded } }',
    {
      id,
      amount,
    },
  );

/** What is held is not used: nothing is told before the commit, and only of what was really used. */
const reservations: ((usage: Usage) => Promise<unknown>)[] = [
  async (usage) => {
    const id = await reserve({ ...usage, delta: 200 });
    await Promise.all([commit(id, usage.delta), commit(id, usage.delta)]);
  },
  async (usage) => commit(await reserve({ ...usage, delta: 1 }), usage.delta),
  async (usage) => {
    const id = await reserve({ ...usage, delta: 200 });
    await untilDone('mutation ($id: String!) { releaseReservation(id: $id) { id } }', { id });
    await recordOne(usage);
  },
  async (usage) => {
    await reserve({ ...usage, delta: 200 }, 1);
    await recordOne(usage);
  },
];

/** Every way of recording usage. Each one counts it once. */
const ways: ((usage: Usage) => Promise<unknown>)[] = [
  (usage) => recordOne(usage),
  (usage) => recordOne({ ...usage, enforce: true }),
  (usage) => {
    const keyed = { ...usage, idempotencyKey: `${random()}` };
    return Promise.all([recordOne(keyed), recordOne(keyed)]);
  },
  ({ delta, ...usage }) => recordList([{ ...usage, delta: delta - 1 }, usage]),
  (usage) => {
    const keyed = { ...usage, idempotencyKey: `${random()}` };
    return recordList([keyed, keyed, { ...usage, userId: 'nobody' }]);
  },
  ({ userId, ...properties }) => segment({ type: 'track', userId, event: 'E', properties }),
];
/** The ways that take the time of the usage. */
const lateWays: ((usage: Usage, timestamp: string) => Promise<unknown>)[] = [
  (usage, timestamp) => recordOne({ ...usage, timestamp }),
  ({ delta, ...usage }, timestamp) =>
    recordList([
      { ...usage, timestamp },
      { ...usage, delta: delta - 1, timestamp },
    ]),
  // Two events without an id and with the same content are one, and this may happen twice in a millisecond.
  ({ userId, ...properties }, timestamp) =>
    segment({ type: 'track', messageId: `${random()}`, userId, event: 'E', timestamp, properties }),
];
const pick = <Item>(items: readonly Item[]): Item => items[upTo(items.length) - 1] as Item;

async function record(userId: string, delta: number): Promise<void> {
  await pick(delta > 0 ? [...ways, ...reservations] : ways)({ userId, featureId: 'calls', delta });
}

const dayMs = 24 * 3_600_000;
const recordLate = (userId: string, delta: number) =>
  pick(lateWays)({ userId, featureId: 'calls', delta }, new Date(Date.now() - dayMs).toISOString());

/** Usage that is recorded nowhere: it is refused, or its transaction fails. */
const recordNothing: (() => Promise<unknown>)[] = [
  () => recordOne({ userId: 'hard', featureId: 'calls', delta: 101, enforce: true }),
  () =>
    app.fails('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', {
      input: { userId: pick(users), featureId: 'calls', delta: rolledBack, enforce: random() < 0.5 },
    }),
];

/** What a user has used in one window, and the most that it was. */
interface Total {
  now: number;
  most: number;
}
const unused = (): Total => ({ now: 0, most: 0 });

/** What each user has used in each window, and the last one is the current one. */
type Totals = Map<string, Total[]>;
const current = (windows: readonly Total[]) => windows.at(-1) as Total;
function add(total: Total, delta: number): void {
  total.now += delta;
}
function notice(totals: Totals): void {
  for (const total of [...totals.values()].flat()) total.most = Math.max(total.most, total.now);
}

/** What is told of a window in which so much was used at most. */
const windowAlerts = (id: string, { most }: Total): string[] => [
  ...thresholds.filter((each) => most >= each).map((each) => `usage.threshold_reached ${id} ${each}`),
  ...amounts.filter((each) => most >= each).map((each) => `usage.threshold_reached ${id} amount ${each}`),
  ...(most >= 100 ? [`usage.limit_reached ${id} 100`] : []),
];

/** What is told of a top-up: what was drawn in a window stays drawn when the next one begins. */
function topUpAlerts(id: string, windows: readonly Total[]): string[] {
  const drawnAfter = (before: number, used: number) =>
    Math.min(topUp.amount, before + Math.max(0, used - 100));
  let before = 0;
  let drawn = 0;
  for (const { now, most } of windows) {
    drawn = Math.max(drawn, drawnAfter(before, most));
    before = drawnAfter(before, now);
  }
  const reached = [
    ...topUp.alertAt.filter((each) => drawn * 100 >= topUp.amount * each).map((each) => `top-up ${each}`),
    ...topUp.alertAtAmount.filter((each) => drawn >= each).map((each) => `top-up amount ${each}`),
  ].map((each) => `usage.threshold_reached ${id} ${each}`);
  return [...reached, ...(drawn === topUp.amount ? [`top_up.exhausted ${id} top-up`] : [])];
}

/** A message as the model writes it. */
function written({ payload: { type, data } }: Received): string {
  const parts = [
    ...(data.topUpId === undefined ? [] : ['top-up']),
    ...(data.thresholdAmount === undefined ? [] : ['amount', data.thresholdAmount]),
    ...(data.threshold === undefined ? [] : [data.threshold]),
  ];
  return [type, data.userId ?? data.eventName, ...parts].join(' ');
}

/** What happens to a server that is cut off: nothing of it reaches the database any more. */
function mortal(pool: Pool): { pool: Pool; kill(): void } {
  let isDead = false;
  const living = new Proxy(pool, {
    get(target, name) {
      if (isDead && (name === 'query' || name === 'connect'))
        return () => Promise.reject(new Error('killed'));
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return {
    pool: living,
    kill() {
      isDead = true;
    },
  };
}

async function setUsage(totals: Totals): Promise<void> {
  for (const [id, used] of [
    ['u1', 81],
    ['u2', 160],
  ] as const) {
    await recordOne({ userId: id, featureId: 'calls', action: 'SET', delta: used });
    current(totals.get(id) ?? []).now = used;
  }
  notice(totals);
}

/** Lets a day pass: another window begins for all. */
async function turnWindows(totals: Totals): Promise<void> {
  const instants = {
    subscription: ['started_at'],
    usage_event: ['occurred_at'],
    usage_counter: ['window_start'],
    usage_excess: ['window_start'],
    top_up: ['created_at'],
    top_up_draw: ['window_start'],
    usage_alert: ['window_start', 'created_at', 'due_at'],
  };
  // Far away first: no window is to take the place of another one on its way.
  for (const span of ["- interval '9 days'", "+ interval '8 days'"])
    for (const [table, columns] of Object.entries(instants))
      await app.database.work.query(
        `update ${table} set ${columns.map((column) => `${column} = ${column} ${span}`)}`,
      );
  for (const windows of totals.values()) windows.push(unused());
}

const runJob = async (job: (typeof alertJobs)[string] | undefined) => {
  const context = { pool: app.jobs, log: pino({ level: 'silent' }), stop: new AbortController().signal };
  await Promise.all([job?.({}, context), job?.({}, context)]);
};

/** Events that no rule claims at first; a rule comes, and is applied to them. Returns what is told, without usage. */
async function lateEvents(totals: Totals): Promise<string[]> {
  for (const id of users) {
    const count = upTo(9);
    await Promise.all(
      Array.from({ length: count }, () =>
        segment({ type: 'track', messageId: `${random()}`, userId: id, event: 'Late' }),
      ),
    );
    add(current(totals.get(id) ?? []), count);
  }
  await createRule(app, { name: 'late', featureId: 'calls', eventName: 'Late' });
  await backfill(workOn(app), 'test');
  notice(totals);
  return ['segment.event_unmatched Late'];
}

/** Users that are imported and merged, and a grant that expires. Returns what is told. */
async function others(): Promise<string[]> {
  await importRows('id,name', 'm1,One', 'm2,Two', 'm3,Three');
  const bringing = ['id,packages,usage:calls', 'm4,base,85', 'm5,quiet,85'];
  await importRows(...bringing);
  await importRows(...bringing);
  await app.ok('mutation { subscribe(userId: "m1", packageIds: ["base"]) { id } }');
  await app.ok('mutation { subscribe(userId: "m2", packageIds: ["quiet"]) { id } }');
  await app.database.work.query(`
    update subscription set started_at = started_at - interval '1 hour'
    from "user" u where u.key = user_key and u.id like 'm%'`);
  await recordList([
    { userId: 'm1', featureId: 'calls', delta: 45 },
    { userId: 'm2', featureId: 'calls', delta: 45 },
  ]);
  await app.ok('mutation { mergeUsers(ids: ["m1", "m2"]) { id } }');
  await app.ok(`mutation ($input: GrantFeatureInput!) { grantFeature(input: $input) { id } }`, {
    input: { userId: 'm3', featureId: 'extra', endsAt: new Date(Date.now() + 3_600_000) },
  });
  await app.database.work.query(`
    update feature_grant set starts_at = starts_at - interval '2 hours', ends_at = ends_at - interval '2 hours'`);
  await runJob(expiryJobs[expiryJob]);
  return [
    ...['m1', 'm2', 'm3', 'm4', 'm5'].map((id) => `user.created ${id}`),
    ...['m1', 'm2', 'm4', 'm5'].map((id) => `subscription.created ${id}`),
    'user.merged m1',
    // Nobody has two base packages.
    'subscription.cancelled m1',
    'grant.expired m3',
    ...windowAlerts('m1', { now: 90, most: 90 }),
    ...windowAlerts('m4', { now: 85, most: 85 }),
  ];
}

/** Waits until nothing is pending, without the pauses after failures. */
async function allSent(): Promise<void> {
  const deadline = performance.now() + 20_000;
  // Row by row, and without waiting: those who send lock the same rows in an order of their own.
  const hurry = [
    'update webhook set paused_until = null',
    `update webhook_delivery set next_attempt_at = now() where id in (
       select id from webhook_delivery where state = 'PENDING' for update skip locked)`,
  ];
  const pending = async () => {
    for (const statement of hurry) await app.database.work.query(statement);
    const { rows } = await app.database.work.query(
      "select count(*)::int as count from webhook_delivery where state = 'PENDING'",
    );
    return rows[0].count > 0;
  };
  while ((await pending()) && performance.now() < deadline) await sleep(100);
}

/** Makes the users. Returns what is told. */
async function createUsers(): Promise<string[]> {
  const told: string[] = [];
  for (const id of [...users, 'hard']) {
    const packageId = id === 'hard' ? 'hard' : 'base';
    await app.ok(`mutation { createUser(input: { id: "${id}" }) { id } }`);
    await app.ok(`mutation { subscribe(userId: "${id}", packageIds: ["${packageId}"]) { id } }`);
    const input = { userId: id, featureId: 'calls', ...topUp };
    if (toppedUp.includes(id))
      await app.ok('mutation ($input: TopUpInput!) { topUp(input: $input) { id } }', { input });
    told.push(`user.created ${id}`, `subscription.created ${id}`);
  }
  return told;
}

async function useOnce(totals: Totals, sign: 1 | -1): Promise<void> {
  const id = pick(users);
  const windows = totals.get(id) ?? [];
  const delta = sign * upTo(12);
  const before = windows.at(-2);
  // What is drawn from a top-up by late usage is another matter: it may have been given after that time.
  const isLate = before !== undefined && random() < 0.3 && !toppedUp.includes(id);
  add(isLate ? before : current(windows), delta);
  await (isLate ? recordLate(id, delta) : record(id, delta));
}

async function importOpening(totals: Totals, id: string): Promise<void> {
  add(current(totals.get(id) ?? []), opening);
  await importRows('id,usage:calls', `${id},${opening}`);
}

/** Much at once: usage, or reverts in every third round. Returns what is told, without what usage tells. */
async function useAtRandom(totals: Totals, round: number): Promise<string[]> {
  const isTurn = round === 2 || round === 4;
  if (isTurn) await turnWindows(totals);
  const sign = round % 3 === 2 ? -1 : 1;
  const importing = sign === 1 ? users.slice(round, round + 1) : [];
  await Promise.all([
    ...Array.from({ length: 25 }, () => useOnce(totals, sign)),
    ...importing.map((id) => importOpening(totals, id)),
    ...(isTurn ? [runJob(alertJobs[alertsJob])] : []),
  ]);
  // Not beside the others: calls share a transaction, and fail with it.
  for (const nothing of recordNothing) await nothing();
  const ended = isTurn ? [...totals].filter(([, windows]) => (windows.at(-2)?.most ?? 0) > 0) : [];
  notice(totals);
  return ended.map(([id]) => `usage.window_reset ${id}`);
}

/** Each message once. What came again is the same. */
function once(messages: readonly Received[]): Received[] {
  const byId = new Map(messages.map((each) => [each.headers['webhook-id'], each]));
  for (const { headers, body } of messages) expect(byId.get(headers['webhook-id'])?.body).toBe(body);
  return [...byId.values()];
}

test('what arrives is what a model says', async () => {
  let receiver: Receiver = await startReceiver();
  const port = Number(new URL(receiver.url).port);
  const arrived: Received[] = [];
  const log = pino({ level: 'silent' });
  const send = (): Dispatcher & { kill(): void } => {
    const { pool, kill } = mortal(app.database.work);
    const parts = { pool, encryption: testEncryption, sendMail: null, log, isBusy: app.database.isBusy };
    return { ...startDispatcher({ ...parts, post: createPost(true), intervalMs: 10 }), kill };
  };
  let dispatcher = send();
  await app.ok('mutation ($url: String!) { createWebhook(input: { url: $url, events: ["*"] }) { secret } }', {
    url: receiver.url,
  });
  const expected = await createUsers();
  const totals: Totals = new Map(users.map((id) => [id, [unused()]]));
  for (let round = 0; round < 6; round += 1) {
    receiver.answerWith((_message, response) => response.writeHead(random() < 0.3 ? 500 : 200).end());
    expected.push(...(await useAtRandom(totals, round)));
    // Refused, or failed: never told.
    await app.fails('mutation { createUser(input: { id: "u1" }) { id } }');
    if (round % 2 === 0) {
      if (round % 4 === 0) dispatcher.kill();
      await dispatcher.stop();
      // As if the leases of the one that was cut off had run out.
      await app.database.work.query(`update webhook set leased_until = now() - interval '1 second'`);
      dispatcher = send();
    } else {
      arrived.push(...receiver.received);
      await receiver.close();
      receiver = await startReceiver(port);
    }
  }
  await setUsage(totals);
  expected.push(...(await lateEvents(totals)), ...(await others()));
  for (const [id, windows] of totals) {
    expected.push(...windows.flatMap((window) => windowAlerts(id, window)));
    if (toppedUp.includes(id)) expected.push(...topUpAlerts(id, windows));
  }

  await allSent();
  await dispatcher.stop();
  await receiver.close();
  const told = once([...arrived, ...receiver.received]).map(written);
  expect(told.sort()).toEqual(expected.sort());
});
