import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { FakeStripe } from '../../billing/fake-stripe.ts';
import { type Machine, startMachine } from '../../crash/machine.ts';
import { ensureBuilt, run } from '../../helpers/process.ts';
import { randomNumbers } from '../../segment/crash/server.ts';

/*
 * The server and PostgreSQL are killed while months of the ledger are replaced by sums, one after the other, and users
 * change meanwhile. Everything that stays is answered as before, and what comes later counts as if nothing had happened.
 */

const key = `prv_test_${'r'.repeat(32)}`;
const seed = Number(process.env.SEED ?? 11);
const months = 2;
/** More than one slice. */
const usagesInMonth = 10_500;
const batchSize = 500;
const killsInMonth = 3;
const steady = Array.from({ length: 20 }, (_, index) => `user-${index}`);
/** They are merged, deleted and granted features while the job runs. */
const changing = Array.from({ length: 4 * months * killsInMonth }, (_, index) => `changing-${index}`);
const featureIds = ['messages', 'minutes', 'calls'];
const callsBudget = 10;

const random = randomNumbers(seed);
const env: Record<string, string> = {
  KANA_TEST_PRIVATE_KEY: key,
  KANA_DEMO: 'false',
  LOG_LEVEL: 'error',
  STRIPE_TEST_SECRET_KEY: 'sk_test_ours',
  STRIPE_TEST_WEBHOOK_SECRET: 'whsec_ours',
};
let stripe: FakeStripe;
let machine: Machine;

beforeAll(async () => {
  await ensureBuilt();
  stripe = await new FakeStripe().start();
  env.STRIPE_API_BASE = stripe.url;
  machine = await startMachine(env);
  await machine.serverAnswers();
}, 600_000);
afterAll(async () => {
  await machine?.shutDown();
  await stripe?.stop();
});

const sql = (text: string) => machine.postgres.query(text);
const countOf = async (text: string) =>
  Number((await sql(`select count(*) as count from ${text}`))[0]?.count);

/** Sends until it is answered, whatever is down meanwhile. */
async function post(
  path: string,
  body: unknown,
): Promise<{ data?: unknown; errors?: { message: string }[] }> {
  for (;;) {
    const answer = await fetch(machine.url + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: key },
      body: JSON.stringify(body),
    })
      .then(async (response) => (response.status === 200 ? response.json() : null))
      .catch(() => null);
    if (answer !== null && !JSON.stringify(answer).includes('SERVICE_UNAVAILABLE')) return answer;
    await sleep(20);
  }
}
// biome-ignore lint/suspicious/noExplicitAny: tests read answers of any shape and assert them whole
async function ok(query: string, variables: object = {}): Promise<any> {
  const answer = await post('/graphql', { query, variables });
  if (answer.errors) throw new Error(`${query}\nanswered ${JSON.stringify(answer)}`);
  return answer.data;
}
/** Waits until it holds, also while the database does not answer. */
async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what().catch(() => false))) await sleep(20);
}
async function restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const ended = machine.serverEnds();
  machine.signalServer(signal);
  await ended;
  await machine.serverAnswers();
}

interface Usage {
  userId: string;
  featureId: string;
  action: 'ADD' | 'SET';
  delta: number;
  timestamp?: string;
  idempotencyKey?: string;
}
const keyed: Usage[] = [];
const segmentEvents: object[] = [];
const now = Date.now();
const hourMs = 3_600_000;

/** Usage of now, which draws on top-ups and is sent to a meter, and past usage of few hours. */
function usageOf(userId: string): Usage {
  // Each usage of calls may be a request to Stripe.
  const featureId = random(30) === 0 ? 'calls' : (featureIds[random(2)] as string);
  const isPast = featureId === 'minutes' || (featureId === 'messages' && random(2) === 0);
  const isSet = random(10) === 0;
  const amount = random(10) === 0 ? -random(5) : random(9);
  return {
    userId,
    featureId,
    action: isSet ? 'SET' : 'ADD',
    delta: isSet ? Math.abs(amount) * 3 : amount,
    ...(isPast && {
      timestamp: new Date(now - (40 * 24 + random(72)) * hourMs - random(3_600) * 1_000).toISOString(),
    }),
  };
}

async function recordMonth(month: number): Promise<void> {
  await sql(`alter table usage_event alter recorded_at set default now() - interval '${12 - month} months'`);
  for (let done = 0; done < usagesInMonth; done += batchSize) {
    const input = Array.from({ length: batchSize }, (_, index): Usage => {
      const userId = random(3) > 0 ? steady[random(steady.length)] : changing[random(changing.length)];
      const usage = usageOf(userId as string);
      if (index % 50 !== 0) return usage;
      const withKey = { ...usage, idempotencyKey: `${month}-${done + index}` };
      keyed.push(withKey);
      return withKey;
    });
    const { recordUsages } = await ok(
      'mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded error { message } } }',
      { input },
    );
    expect(recordUsages.filter(({ recorded }: { recorded: boolean }) => !recorded)).toEqual([]);
  }
  const tracks = Array.from({ length: 100 }, (_, index) => ({
    type: 'track',
    messageId: `track-${month}-${index}`,
    userId: steady[index % steady.length],
    event: 'Minutes',
    properties: { featureId: 'minutes', delta: index % 4 },
    timestamp: new Date(now - (50 * 24 + (index % 5)) * hourMs).toISOString(),
  }));
  await post('/segment/events', tracks);
  segmentEvents.push(...tracks);
  await sql('select turn_ledger()');
}

/** All that stays. */
async function answered() {
  const users = [];
  const from = new Date(now - 60 * 24 * hourMs).toISOString();
  for (const userId of steady)
    users.push(
      await ok(
        `query ($userId: String!, $from: DateTime) {
          ${featureIds
            .map(
              (
                id,
              ) => `${id}: canUseFeature(userId: $userId, featureId: "${id}") { access reason consumption { used budget } }
            ${id}Usage: showUsage(userId: $userId, featureId: "${id}", pastPeriods: 12) {
              current { periodStart consumption { used } } past { periodStart consumption { used } } }
            ${id}Series: usageSeries(userId: $userId, featureId: "${id}", from: $from, bucket: DAY) { start used }`,
            )
            .join('\n')}
          topUps(userId: $userId) { id remaining draws(first: 1000) { id amount periodStart } }
          usageByFeature(userId: $userId, from: $from) { feature { id } used }
        }`,
        { userId, from },
      ),
    );
  const hours = await sql(`
    select u.id, h.feature_id, h.hour::text, trim_scale(h.used)::text as used from usage_hour h join "user" u on u.key = h.user_key
    where u.id like 'user-%' and h.used <> 0 order by 1, 2, 3`);
  return { users, hours, segment: await ok('{ segmentEvents(first: 1000) { messageId outcome delta } }') };
}

const sent = () => {
  const sums = new Map(stripe.customers.map(({ id }) => [id, 0]));
  for (const { customer, value } of stripe.meterEvents)
    sums.set(customer, (sums.get(customer) ?? 0) + Number(value));
  return sums;
};
/** What the meter has to have, by what the server answers. */
async function owed(): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (const { id, metadata } of stripe.customers) {
    const userId = metadata.kana_user_id as string;
    const { showUsage } = await ok(
      `query ($userId: String!) { showUsage(userId: $userId, featureId: "calls") { current { consumption { used } } } }`,
      { userId },
    );
    sums.set(id, Math.max(0, showUsage.current.consumption.used - callsBudget));
  }
  return sums;
}

async function ledgerIsFollowed(): Promise<void> {
  await until(
    async () =>
      (await countOf(`usage_rollup where last_id < (select max(id) from usage_event)`)) === 0 &&
      (await countOf(`seal where log = 'LEDGER' and last_id >= (select max(id) from usage_event)`)) > 0 &&
      (await countOf(`stripe_connection where metered_to < (select max(id) from usage_event)`)) === 0 &&
      (await countOf(`billing_meter_event where state <> 'SENT'`)) === 0,
  );
}

const verify = (args: string[] = []) =>
  run('dist/bundle/verify.js', args, { DATA_DIR: machine.dataDir, LOG_LEVEL: 'error' });

async function makeWorld(): Promise<void> {
  await ok(`mutation {
    ${featureIds.map((id) => `${id}: createFeature(input: { id: "${id}", type: CONSUMABLE }) { id }`).join('\n')}
    a: createPackage(input: { id: "base", features: [
      { id: "messages", entitlement: { limit: 100, resetPeriod: MONTH } }, { id: "minutes", entitlement: { limit: 50, resetPeriod: DAY } }]}) { id }
    b: publishPackage(id: "base") { id }
    c: createPackage(input: { id: "metered", features: [
      { id: "calls", entitlement: { limit: ${callsBudget}, resetPeriod: YEAR, overageEnabled: true } },
      { id: "messages", entitlement: { limit: 150, resetPeriod: MONTH } }, { id: "minutes", entitlement: { limit: 60, resetPeriod: WEEK } }]}) { id }
    d: publishPackage(id: "metered") { id }
  }`);
  for (const id of [...steady, ...changing])
    await ok(`mutation { createUser(input: { id: "${id}" }) { id } }`);
  const price = stripe.createPrice('Metered');
  stripe.createMeter('calls');
  for (const id of steady.slice(0, 10)) {
    const customer = stripe.createCustomer(`${id}@example.com`, { metadata: { kana_user_id: id } });
    stripe.subscribe(customer, [price], { startedAt: stripe.now - 90 * 86_400 });
  }
  await until(async () => (await ok('{ stripeConnection { import { state } } }')).stripeConnection !== null);
  await ok('mutation { importStripe { accountId } }');
  await until(
    async () =>
      (await ok('{ stripeConnection { import { state } } }')).stripeConnection.import.state === 'DONE',
  );
  await ok(`mutation { mapPrice(priceId: "${price}", packageId: "metered") { id } }`);
  await until(
    async () => (await countOf(`subscription where package_id = 'metered' and status = 'ACTIVE'`)) === 10,
  );
  await ok(
    `mutation { createBillingMeter(input: { packageId: "metered", featureId: "calls", eventName: "calls", sends: OVERAGE }) { id } }`,
  );
  for (const id of [...steady.slice(10), ...changing]) {
    const startsAt = new Date(now - (60 + random(30)) * 24 * hourMs).toISOString();
    await ok(
      `mutation { grantFeature(input: { userId: "${id}", featureId: "calls", limit: 5, resetPeriod: MONTH }) { id } }`,
    );
    await ok(`mutation { subscribe(userId: "${id}", packageIds: ["base"]) { id } }`);
    await sql(
      `update subscription set started_at = '${startsAt}' where user_key = (select key from "user" where id = '${id}') and package_id = 'base'`,
    );
  }
  for (const id of steady)
    await ok(`mutation { topUp(input: { userId: "${id}", featureId: "messages", amount: 5000 }) { id } }`);
}

/** Merges two users, deletes one, and grants one a feature from a past time on. */
async function change(round: number): Promise<void> {
  const [first, second, third, fourth] = changing.slice(4 * round, 4 * round + 4);
  // What was answered and did not arrive is sent again: then there may be nothing left to do.
  await post('/graphql', { query: `mutation { mergeUsers(ids: ["${first}", "${second}"]) { id } }` });
  await post('/graphql', { query: `mutation { deleteUser(id: "${third}") { id } }` });
  await post('/graphql', {
    query: `mutation { grantFeature(input: { userId: "${fourth}", featureId: "messages", limit: 900, idempotencyKey: "g",
      startsAt: "${new Date(now - 41 * 24 * hourMs).toISOString()}" }) { id } }`,
  });
}

const drops = () => countOf('ledger_drop');
/** The same, also while the database does not answer. */
async function dropsSoon(): Promise<number> {
  let found = -1;
  await until(async () => {
    found = await drops();
    return true;
  });
  return found;
}
let kills = 0;

/** Kills at a random moment while a month is summed, or, once it is summed and users have changed, while it is replaced. */
async function killAt(kind: 'SUMMING' | 'REPLACING', round: number): Promise<void> {
  // Nothing is replaced before this ends.
  const release = await machine.postgres.hold('lock table subscription in access share mode');
  await restart('SIGKILL');
  const state = kind === 'SUMMING' ? 'true' : 'is_summed';
  await until(async () => (await countOf(`ledger_summing where ${state}`)) > 0);
  if (kind === 'REPLACING') {
    await change(round);
    await release();
  }
  await sleep(random(kind === 'SUMMING' ? 200 : 400));
  if (round % 3 === 2) await machine.postgres.kill();
  else machine.signalServer('SIGKILL');
  kills += 2;
  await release().catch(() => undefined);
  await machine.serverAnswers();
}

async function replaceMonth(month: number): Promise<void> {
  for (let kill = 0; kill < killsInMonth && (await dropsSoon()) === month; kill += 1)
    await killAt(kill % 2 === 0 ? 'SUMMING' : 'REPLACING', month * killsInMonth + kill);
  while ((await dropsSoon()) === month) {
    await restart('SIGKILL');
    kills += 1;
    const deadline = Date.now() + 5_000;
    while (Date.now() < deadline && (await dropsSoon()) === month) await sleep(20);
  }
}

/** Usage that was recorded before does not count again. */
async function repeat(): Promise<void> {
  const rows = await countOf('usage_event');
  for (const input of keyed.filter(({ userId }) => steady.includes(userId)))
    expect(
      await post('/graphql', {
        query:
          'mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded duplicate } }',
        variables: { input },
      }),
    ).toEqual({ data: { recordUsage: { recorded: true, duplicate: true } } });
  await post('/segment/events', segmentEvents);
  expect(await countOf('usage_event')).toBe(rows);
}

/** The windows of meters go on; they are added up anew from the sums where subscriptions have changed. */
async function useMeters(): Promise<void> {
  for (const [index, userId] of steady.slice(0, 10).entries()) {
    if (index % 2 === 0)
      await ok(
        `mutation { grantFeature(input: { userId: "${userId}", featureId: "minutes", limit: 1 }) { id } }`,
      );
    const record = (rest: string) =>
      ok(
        `mutation { recordUsage(input: { userId: "${userId}", featureId: "calls", ${rest} }) { recorded } }`,
      );
    await record(`delta: ${index - 5}`);
    await record(`action: SET, delta: ${index % 3 === 0 ? 0 : 4_000}`);
  }
}

it('kills while months are replaced change nothing of what stays', async () => {
  await makeWorld();
  for (let month = 0; month < months; month += 1) await recordMonth(month);
  await sql('alter table usage_event alter recorded_at set default now()');
  await ok(
    `mutation { recordUsage(input: { userId: "user-0", featureId: "minutes", delta: 1 }) { recorded } }`,
  );
  await restart('SIGTERM');
  await ledgerIsFollowed();
  expect(sent()).toEqual(await owed());
  // As if it were two months later.
  await sql(`delete from billing_meter_event where state = 'SENT'`);
  expect(await verify()).toMatchObject({ code: 0, stderr: '' });
  const before = await answered();
  const eventsSent = stripe.meterEvents.length;
  const rowsBefore = await countOf('usage_event');

  env.USAGE_RETENTION_MONTHS = '6';
  // Each minute the server moves on to another partition: the last usage is not of this month.
  const old = await countOf(
    `(select from usage_event where recorded_at < now() - interval '6 months' group by id >> 24) partitions`,
  );
  expect(old).toBeGreaterThanOrEqual(months);
  for (let month = 0; month < old; month += 1) await replaceMonth(month);
  expect(kills).toBeGreaterThan(2 * months);
  await ledgerIsFollowed();
  expect(await countOf('usage_event')).toBeLessThan(rowsBefore * 0.8);
  expect(await verify()).toMatchObject({ code: 0, stderr: '' });
  expect(await answered()).toEqual(before);
  await repeat();
  expect(stripe.meterEvents).toHaveLength(eventsSent);

  await useMeters();
  await restart('SIGTERM');
  await ledgerIsFollowed();
  expect(sent()).toEqual(await owed());
  expect(await verify()).toMatchObject({ code: 0, stderr: '' });
}, 600_000);
