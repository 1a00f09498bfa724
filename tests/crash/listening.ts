import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from './caller.ts';
import { freePort } from './machine.ts';
import type { Postgres } from './postgres.ts';
import type { Random } from './random.ts';
import { type Sender, sendList, sendUsage } from './senders.ts';

// A receiver of webhooks, which is killed too; the usage that makes messages; and the messages that it must have got.

/** A message as it arrived. */
interface Arrived {
  id: string;
  body: string;
  /** Whether it was answered with 204. */
  taken: boolean;
}

export interface Listener {
  url: string;
  /** Kills the receiver and starts it again, or lets it answer badly, again and again, until the answered function is called. */
  harass(random: Random): () => Promise<void>;
  arrived(): Promise<Arrived[]>;
  stop(): Promise<void>;
}

/** @param dataDir where it keeps what has arrived */
export async function startListener(dataDir: string): Promise<Listener> {
  const port = await freePort();
  const file = join(dataDir, 'arrived');
  const launch = async (): Promise<ChildProcess> => {
    const script = resolve('tests/crash/receiver.mjs');
    const child = spawn(process.execPath, [script, `${port}`, file], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin?.on('error', () => undefined);
    await once(child.stdout, 'data');
    return child;
  };
  let current = await launch();
  async function end(): Promise<void> {
    const ended = once(current, 'exit');
    current.kill('SIGKILL');
    await ended;
  }
  async function arrived(): Promise<Arrived[]> {
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  }
  const countNotTaken = async () => (await arrived()).filter(({ taken }) => !taken).length;
  /** Answers badly for so long, and then until a message has met it, or none comes. */
  async function answerFor(way: string, ms: number): Promise<void> {
    const before = await countNotTaken();
    current.stdin?.write(`${way}\n`);
    await sleep(ms);
    for (let left = 50; left > 0 && (await countNotTaken()) === before; left -= 1) await sleep(100);
    current.stdin?.write('take\n');
  }
  return {
    url: `http://127.0.0.1:${port}/`,
    harass(random) {
      let isOver = false;
      const running = (async () => {
        while (!isOver) {
          await sleep(random.between(200, 1_500));
          const harm = random.pick(['kill', 'refuse', 'hang']);
          if (harm === 'refuse') await answerFor(harm, random.between(300, 1_500));
          else {
            if (harm === 'hang') await answerFor(harm, random.between(300, 1_500));
            // What hangs is broken off too.
            await end();
            await sleep(random.between(0, 500));
            current = await launch();
          }
        }
      })();
      return async () => {
        isOver = true;
        await running;
      };
    },
    arrived,
    stop: end,
  };
}

const feature = 'alerts';
const limit = 100;
const percents = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100];
const amounts = [15, 55, 130];
const topUp = { amount: 20, alertAt: [50], alertAtAmount: [3] };
/** What each user had used elsewhere: it tells of a threshold already. */
const opening = 12;
const senderCount = 3;
const names = (kind: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${kind}-${index}`);
/** Each has one sender, which waits for each answer: what was used and given back is in the order of the ledger. */
const followed = names('followed', 24);
/** Several send at once, and give nothing back: the order does not matter. */
const shared = names('shared', 9);

/** Makes the webhook, before anything that makes a message, and users whose usage makes messages. */
export async function createListening({ call }: Caller, { url }: Listener): Promise<void> {
  const ok = async (query: string, variables: object = {}) => {
    const { data, error } = await call(query, variables);
    if (error !== null) throw new Error(`${query}: ${error.message}`);
    return data;
  };
  await ok('mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { secret } }', {
    input: { url, events: ['usage.*', 'top_up.*', 'user.created'] },
  });
  await ok('mutation ($input: CreateFeatureInput!) { createFeature(input: $input) { id } }', {
    input: { id: feature, type: 'CONSUMABLE' },
  });
  const entitlement = {
    ...{ limit, resetPeriod: 'YEAR', overageEnabled: true },
    ...{ alertAt: percents, alertAtAmount: amounts },
  };
  await ok('mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }', {
    input: { id: feature, features: [{ id: feature, entitlement }] },
  });
  await ok('mutation ($id: String!) { publishPackage(id: $id) { id } }', { id: feature });
  const rows = [...followed, ...shared].map((id) => `${id},${feature},${opening}`);
  await ok('mutation ($csv: String!) { importUsers(csv: $csv) { rows { outcome } } }', {
    csv: [`id,packages,usage:${feature}`, ...rows].join('\n'),
  });
  for (const userId of shared)
    await ok('mutation ($input: TopUpInput!) { topUp(input: $input) { id } }', {
      input: { userId, featureId: feature, ...topUp },
    });
}

const reserveQuery = 'mutation ($input: ReserveUsageInput!) { reserveUsage(input: $input) { id } }';
const commitQuery =
  'mutation ($id: String!, $amount: Amount!) { commitReservation(id: $id, amount: $amount) { recorded } }';

/** Each way of recording so much. */
const ways: ((...given: [...Parameters<Sender>, userId: string, delta: number]) => Promise<unknown>)[] = [
  (caller, journal, _random, turn, userId, delta) => sendUsage(caller, journal, turn, usageOf(userId, delta)),
  (caller, journal, _random, turn, userId, delta) =>
    sendUsage(caller, journal, turn, { ...usageOf(userId, delta), enforce: true }),
  (caller, journal, _random, turn, userId, delta) =>
    sendList(caller, journal, [
      [`${turn}-a`, usageOf(userId, delta)],
      [`${turn}-b`, usageOf(userId, 1)],
    ]),
  async (caller, journal, _random, turn, userId, delta) => {
    const input = { userId, featureId: feature, amount: 1, idempotencyKey: turn };
    const { data } = await caller.call(reserveQuery, { input });
    const id = data?.reserveUsage?.id;
    const { error } = await caller.call(commitQuery, { id, amount: delta });
    if (error !== null) journal.surprises.push(`commitReservation: ${error.message}`);
  },
  async (caller, journal, _random, turn, userId) => {
    const event = {
      type: 'track',
      messageId: turn,
      userId,
      event: 'Called',
      properties: { featureId: feature },
    };
    const query = 'mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome firstOutcome } }';
    const { data, error } = await caller.call(query, { event });
    const outcome = data?.ingestSegmentEvent?.firstOutcome;
    if (outcome !== 'RECORDED') journal.surprises.push(`ingestSegmentEvent: ${outcome ?? error?.message}`);
    journal.events.set(turn, { userId, outcome });
  },
];

const usageOf = (userId: string, delta: number) => ({
  ...{ userId, featureId: feature, delta },
  ...{ action: 'ADD' as const, enforce: false },
});

/** Users who have been used up make room for the next ones. */
const turnsOfUser = 20;

const follow: Sender = async (caller, journal, random, turn) => {
  const [, sender, count] = turn.split('-').map(Number);
  const mine = followed.filter((_, index) => index % senderCount === sender);
  const userId = mine[Math.floor((count ?? 0) / turnsOfUser) % mine.length] ?? '';
  if (random.between(1, 5) === 1)
    await sendUsage(caller, journal, turn, usageOf(userId, random.between(-15, -1)));
  else await random.pick(ways)(caller, journal, random, turn, userId, random.between(1, 12));
};

const crowd: Sender = async (caller, journal, random, turn) => {
  const count = Number(turn.split('-').at(-1));
  const userId = shared[Math.floor(count / turnsOfUser) % shared.length] ?? '';
  await random.pick(ways)(caller, journal, random, turn, userId, random.between(1, 4));
};

export const listeningSenders: [string, Sender, number][] = [
  ['follow', follow, senderCount],
  ['crowd', crowd, 3],
];

/** Waits until nothing is left to be sent, without the pauses after failures, and without the leases of those who were killed. */
export async function allSent(postgres: Postgres, deadlineMs: number): Promise<void> {
  const until = Date.now() + deadlineMs;
  for (;;) {
    await postgres.query(
      `update webhook set paused_until = null, leased_until = least(leased_until, now() + interval '2 seconds')`,
    );
    const waiting = await postgres.query(
      `update webhook_delivery set next_attempt_at = least(next_attempt_at, now()) where state = 'PENDING' returning id`,
    );
    if (waiting.length === 0) return;
    if (Date.now() > until) throw new Error(`${waiting.length} deliveries are left`);
    await sleep(300);
  }
}

/** What the ledger and the users make a receiver be told, each line once. */
export async function expectedMessages(postgres: Postgres): Promise<string[]> {
  const ids = await postgres.query(`select id from "user" where environment_id = 'test'`);
  const ledger = await postgres.query(
    `select u.id, e.delta::integer as delta from usage_event e join "user" u on u.key = e.user_key
     where e.environment_id = 'test' and e.feature_id = '${feature}' order by e.id`,
  );
  const totals = new Map<string, { now: number; most: number }>();
  for (const { id = '', delta } of ledger) {
    const { now, most } = totals.get(id) ?? { now: 0, most: 0 };
    totals.set(id, { now: now + Number(delta), most: Math.max(most, now + Number(delta)) });
  }
  return [
    ...ids.map(({ id }) => `user.created ${id}`),
    ...[...totals].flatMap(([id, { most }]) => alertsOf(id, most)),
  ].sort();
}

function alertsOf(id: string, most: number): string[] {
  const drawn = shared.includes(id) ? Math.min(topUp.amount, Math.max(0, most - limit)) : 0;
  const reached = [
    ...percents.filter((each) => most * 100 >= limit * each).map((each) => `${each}`),
    ...amounts.filter((each) => most >= each).map((each) => `amount ${each}`),
    ...topUp.alertAt.filter((each) => drawn * 100 >= topUp.amount * each).map((each) => `top-up ${each}`),
    ...topUp.alertAtAmount.filter((each) => drawn >= each).map((each) => `top-up amount ${each}`),
  ];
  return [
    ...reached.map((each) => `usage.threshold_reached ${id} ${each}`),
    ...(most >= limit ? [`usage.limit_reached ${id} 100`] : []),
    ...(drawn === topUp.amount ? [`top_up.exhausted ${id} top-up`] : []),
  ];
}

/** Who draws from top-ups in races, and gives back, may have used one up for a moment that the ledger does not show. */
export const isModelled = (message: string): boolean => !message.startsWith('top_up.exhausted topped-');

/** A message as the model writes it. */
export function written({ body }: Pick<Arrived, 'body'>): string {
  const { type, data } = JSON.parse(body);
  const parts = [
    ...(data.topUpId === undefined ? [] : ['top-up']),
    ...(data.thresholdAmount === undefined ? [] : ['amount', data.thresholdAmount]),
    ...(data.threshold === undefined ? [] : [data.threshold]),
  ];
  return [type, data.userId, ...parts].join(' ');
}
