import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Amount, amountOf, amountText, maxPrecision, numberOf } from '../../src/amount.ts';
import { recount } from '../../src/usage/ledger/store.ts';
import { findDifferences } from '../../src/usage/ledger/verify-store.ts';
import { rollUp } from '../../src/usage/rollup/rollup.ts';
import { findHourDifferences, findTotalDifferences } from '../../src/usage/rollup/verify-store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

const day = 86_400_000;
const noonToday = Math.floor(Date.now() / day) * day + day / 2;
/** Noon, so many days ago. */
const noon = (daysAgo: number) => new Date(noonToday - daysAgo * day);
const everyone = [0n, 2n ** 62n] as const;

let app: TestApp;
let people = 0;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'tokens' });
  await createFeature(prisma, { id: 'hours', precision: 2 });
  await createFeature(prisma, { id: 'credits', precision: maxPrecision });
  const features = [{ id: 'tokens', limit: 10_000_000_000 }, { id: 'hours', limit: '0.3' }, 'credits'];
  await createPackage(prisma, { id: 'pro', features });
});

afterAll(() => app.close());

/** A user with the package since five days ago. */
async function newUser() {
  people += 1;
  const userId = `user-${people}`;
  const { key } = await createUser(app.database.prisma, { id: userId });
  await createSubscription(app.database.prisma, { userId, packageId: 'pro', startedAt: noon(5) });
  return { userId, key };
}

const recordUsage = `mutation ($input: CreateUsageEventInput!) {
  recordUsage(input: $input) { recorded entitlement { access consumption { used budget } } }
}`;
const recordUsages = `mutation ($input: [CreateUsageEventInput!]!) {
  recordUsages(input: $input) { recorded error { name message code } }
}`;

async function record(input: object) {
  return (await app.ok(recordUsage, { input })).recordUsage.entitlement;
}

/** Sends JSON text as it is: JavaScript would change its numbers. */
async function sendText(query: string, variables: string) {
  const text = `{"query":${JSON.stringify(query)},"variables":${variables}}`;
  const { body } = await app.http
    .post('/graphql')
    .set('Authorization', app.keys.test)
    .set('Content-Type', 'application/json')
    .send(text);
  return body;
}

describe('amounts are exact', () => {
  it('0.1 + 0.2 is 0.3, and not more than a limit of 0.3', async () => {
    const { userId } = await newUser();
    await record({ userId, featureId: 'hours', delta: 0.1 });
    const after = await record({ userId, featureId: 'hours', delta: 0.2, enforce: true });
    expect(after.consumption).toEqual({ used: 0.3, budget: 0.3 });
    const refused = await app.ok(recordUsage, {
      input: { userId, featureId: 'hours', delta: 0.01, enforce: true },
    });
    expect(refused.recordUsage.recorded).toBe(false);
  });

  it('usage beyond 2^31 is told as it is', async () => {
    const { userId } = await newUser();
    const first = await record({ userId, featureId: 'tokens', delta: 5_000_000_000 });
    expect(first.consumption).toEqual({ used: 5_000_000_000, budget: 10_000_000_000 });
    const second = await record({ userId, featureId: 'tokens', delta: 7_000_000_000 });
    expect(second).toEqual({ access: false, consumption: { used: 12_000_000_000, budget: 10_000_000_000 } });
  });

  it('a total of more than 15 digits is rounded where it is told, not where it is kept', async () => {
    const { userId, key } = await newUser();
    await record({ userId, featureId: 'credits', delta: 1_000_000_000 });
    await record({ userId, featureId: 'credits', delta: 1_000_000_000 });
    const after = await record({ userId, featureId: 'credits', delta: 0.000001 });
    expect(after.consumption.used).toBe(2_000_000_000);
    const counter = await app.database.prisma.usageCounter.findFirstOrThrow({ where: { userKey: key } });
    expect(counter.used.toFixed()).toBe('2000000000.000001');
  });
});

describe('an amount that a feature cannot have is a mistake that names field and precision', () => {
  it.each([
    ['0.5', 'tokens', 'must be a whole number: the precision of the feature "tokens" is 0'],
    [
      '0.125',
      'hours',
      'must have at most 2 digits after the decimal point: the precision of the feature "hours" is 2',
    ],
    ['1234567890123456', 'tokens', 'must have at most 15 significant digits'],
    ['123456789.1234567', 'credits', 'must have at most 15 significant digits'],
    ['1e16', 'tokens', 'must be at most 1,000,000,000,000,000'],
    ['"NaN"', 'hours', 'must be a number'],
    ['"1"', 'hours', 'must be a number'],
    ['true', 'hours', 'must be a number'],
  ])('%s of %s, alone and in a list', async (delta, featureId, problem) => {
    const { userId } = await newUser();
    const input = `{"userId":"${userId}","featureId":"${featureId}","delta":${delta}}`;
    const alone = await sendText(recordUsage, `{"input":${input}}`);
    expect(alone.errors).toMatchObject([
      { message: `input.delta: ${problem}`, extensions: { code: 'BAD_USER_INPUT' } },
    ]);
    const good = `{"userId":"${userId}","featureId":"${featureId}"}`;
    const listed = await sendText(recordUsages, `{"input":[${good},${input}]}`);
    expect(listed.data.recordUsages).toEqual([
      { recorded: true, error: null },
      {
        recorded: false,
        error: { name: 'ValidationError', message: `input.1.delta: ${problem}`, code: 'BAD_USER_INPUT' },
      },
    ]);
  });
});

/*
 * Every other field that takes an amount, with the bad amount in the text of the operation and in a variable. The id is that
 * of an open reservation.
 */
describe('so it is in every field that takes an amount', () => {
  const ofFeature = (id: string) => `userId: "$USER", featureId: "${id}"`;
  const inPackage = (feature: string, id: string) =>
    `mutation ($n: Amount) {
      createPackage(input: { id: "bad", features: [{ id: "${feature}", entitlement: { ${id}: $n, resetPeriod: MONTH } }] }) { id }
    }`;
  const fields: [string, string, (feature: string) => string][] = [
    [
      'canUseFeature',
      'amount',
      (id) => `query ($n: Amount) { canUseFeature(${ofFeature(id)}, amount: $n) { access } }`,
    ],
    [
      'grantFeature',
      'input.limit',
      (id) => `mutation ($n: Amount) { grantFeature(input: { ${ofFeature(id)}, limit: $n }) { id } }`,
    ],
    [
      'topUp',
      'input.amount',
      (id) => `mutation ($n: Amount!) { topUp(input: { ${ofFeature(id)}, amount: $n }) { id } }`,
    ],
    [
      'reserveUsage',
      'input.amount',
      (id) => `mutation ($n: Amount!) { reserveUsage(input: { ${ofFeature(id)}, amount: $n }) { id } }`,
    ],
    [
      'commitReservation',
      'amount',
      () => 'mutation ($n: Amount!) { commitReservation(id: "$ID", amount: $n) { recorded } }',
    ],
    ['a limit of a package', 'input.features.0.entitlement.limit', (id) => inPackage(id, 'limit')],
  ];
  const bad: [string, string][] = [
    [
      '0.125',
      'must have at most 2 digits after the decimal point: the precision of the feature "hours" is 2',
    ],
    ['1234567890123456', 'must have at most 15 significant digits'],
    ['1e16', 'must be at most 1,000,000,000,000,000'],
    ['"NaN"', 'must be a number'],
    ['"1"', 'must be a number'],
    ['true', 'must be a number'],
  ];

  it.each(fields)('%s', async (_name, field, operation) => {
    const { userId, key } = await newUser();
    const { reserveUsage } = await app.ok(
      `mutation { reserveUsage(input: { userId: "${userId}", featureId: "hours", amount: 0.25 }) { id } }`,
    );
    const text = operation('hours').replace('$USER', userId).replace('$ID', reserveUsage.id);
    const inText = text.replace(/ \(\$n: Amount!?\)/, '');
    for (const [value, problem] of bad) {
      const expected = [{ message: `${field}: ${problem}`, extensions: { code: 'BAD_USER_INPUT' } }];
      for (const answer of [
        await sendText(text, `{"n":${value}}`),
        await sendText(inText.replace('$n', value), '{}'),
      ])
        expect({ value, errors: answer.errors }).toMatchObject({ value, errors: expected });
    }
    const { prisma } = app.database;
    const rows = await Promise.all([
      prisma.topUp.count(),
      prisma.featureGrant.count(),
      prisma.usageEvent.count({ where: { userKey: key } }),
      prisma.package.count({ where: { id: 'bad' } }),
    ]);
    expect(rows).toEqual([0, 0, 0, 0]);
  });
});

describe('the precision of a feature', () => {
  const setPrecision = `mutation ($id: String!, $precision: Int!) {
    updateFeature(id: $id, input: { precision: $precision }) { precision }
  }`;

  it('can be raised, and lowered only while there is no usage', async () => {
    const { userId } = await newUser();
    await createFeature(app.database.prisma, { id: 'minutes' });
    for (const precision of [3, 1, 2]) {
      const { updateFeature } = await app.ok(setPrecision, { id: 'minutes', precision });
      expect(updateFeature).toEqual({ precision });
    }
    await record({ userId, featureId: 'minutes', delta: 0.25 });
    expect((await app.fails(setPrecision, { id: 'minutes', precision: 1 })).message).toBe(
      'input.precision: must not be lowered below 2: the feature has usage',
    );
    await app.ok(setPrecision, { id: 'minutes', precision: 6 });
  });
});

describe('operations from the time when amounts were Int', () => {
  const check = (declared: string, argument: string) =>
    `query ($userId: String!, $n: ${declared}) { canUseFeature(userId: $userId, featureId: "hours", ${argument}: $n) { access } }`;

  it('canUseFeature takes an Int as delta, and an amount beside it', async () => {
    const { userId } = await newUser();
    const ask = async (declared: string, argument: string, n: number) =>
      (await app.ok(check(declared, argument), { userId, n })).canUseFeature.access;
    expect(await ask('Int', 'delta', 1)).toBe(false);
    expect(await ask('Int', 'delta', 0)).toBe(true);
    expect(await ask('Amount', 'amount', 0.3)).toBe(true);
    expect(await ask('Amount', 'amount', 0.31)).toBe(false);
    expect(await ask('Float', 'amount', 0.3)).toBe(true);
    expect((await app.fails(check('Amount', 'amount'), { userId, n: 0.001 })).message).toMatch(
      /^amount: must have at most 2 digits/,
    );
  });

  it('an Int variable may stand where an amount is expected', async () => {
    const { userId } = await newUser();
    const { recordUsage: result } = await app.ok(
      `mutation ($userId: String!, $delta: Int) {
        recordUsage(input: { userId: $userId, featureId: "tokens", delta: $delta }) { entitlement { consumption { used } } }
      }`,
      { userId, delta: 7 },
    );
    expect(result.entitlement.consumption.used).toBe(7);
  });
});

describe('the ledger of an earlier version', () => {
  it('counts beside the amounts of this one', async () => {
    const { userId, key } = await newUser();
    const { prisma } = app.database;
    const event = { userKey: key, environmentId: 'test', featureId: 'credits', occurredAt: noon(1) };
    await prisma.usageEvent.create({ data: { ...event, action: 'ADD', wholeDelta: 50 } });
    await prisma.usageEvent.create({ data: { ...event, action: 'SET', wholeDelta: 3 } });
    await prisma.usageEvent.create({ data: { ...event, action: 'ADD', wholeDelta: -1 } });
    expect(await findDifferences(app.database.hot, key, key)).toHaveLength(1);
    await prisma.$transaction((tx) => recount(tx, key));
    const after = await record({ userId, featureId: 'credits', delta: 0.25 });
    expect(after.consumption.used).toBe(2.25);
    expect(await findDifferences(app.database.hot, key, key)).toEqual([]);
  });
});

describe('random amounts', () => {
  const seed = Number(process.env.SEED ?? 53);
  const tiny = fc.bigInt({ min: 0n, max: 3_000_000n });
  const large = fc.bigInt({ min: 0n, max: 999_999_999_999_999n });
  const usage = fc.record({
    person: fc.nat(3),
    daysAgo: fc.nat(3),
    action: fc.constantFrom<'ADD' | 'SET'>('ADD', 'ADD', 'ADD', 'ADD', 'ADD', 'SET'),
    revert: fc.boolean(),
    amount: fc.oneof(tiny, tiny, large),
  });

  it('are the same in counters, series and verification as in an exact model', async () => {
    const users = await Promise.all([0, 1, 2, 3].map(newUser));
    const model = users.map(() => ({ used: 0n, byDay: new Map<string, Amount>() }));
    const inputs = fc.sample(usage, { seed, numRuns: 600 }).map(({ person, daysAgo, ...facts }) => {
      const ofUser = model[person] as (typeof model)[number];
      const delta = facts.revert && facts.action === 'ADD' ? -facts.amount : facts.amount;
      const used = facts.action === 'SET' ? delta : ofUser.used + delta;
      const at = noon(1 + daysAgo);
      const bucket = at.toISOString().slice(0, 10);
      ofUser.byDay.set(bucket, (ofUser.byDay.get(bucket) ?? 0n) + used - ofUser.used);
      ofUser.used = used;
      const { userId } = users[person] as (typeof users)[number];
      return { userId, featureId: 'credits', action: facts.action, delta: numberOf(delta), timestamp: at };
    });
    for (let first = 0; first < inputs.length; first += 150) {
      const answer = await app.ok(recordUsages, { input: inputs.slice(first, first + 150) });
      expect(answer.recordUsages.filter(({ recorded }: { recorded: boolean }) => !recorded)).toEqual([]);
    }

    for (const rolled of [false, true]) {
      if (rolled) await rollUp({ pool: app.jobs, stop: new AbortController().signal });
      for (const [index, { userId, key }] of users.entries()) {
        const { used, byDay } = model[index] as (typeof model)[number];
        const counters = await app.database.prisma.usageCounter.findMany({ where: { userKey: key } });
        expect(counters.map((counter) => counter.used.toFixed())).toEqual([amountText(used)]);
        const answer = await app.ok(
          `query ($userId: String!, $from: DateTime) {
            canUseFeature(userId: $userId, featureId: "credits") { consumption { used } }
            usageSeries(userId: $userId, featureId: "credits", bucket: DAY, from: $from) { start used }
          }`,
          { userId, from: noon(4) },
        );
        expect(answer.canUseFeature.consumption.used).toBe(numberOf(used < 0n ? 0n : used));
        const series = answer.usageSeries.map(({ start, used: told }: { start: string; used: number }) => [
          start.slice(0, 10),
          amountOf(told),
        ]);
        expect(Object.fromEntries(series)).toMatchObject(
          Object.fromEntries([...byDay].map(([bucket, change]) => [bucket, amountOf(numberOf(change))])),
        );
      }
    }
    expect(await findDifferences(app.database.hot, ...everyone)).toEqual([]);
    expect(await findHourDifferences(app.database.hot, ...everyone)).toEqual([]);
    expect(await findTotalDifferences(app.database.hot)).toEqual([]);
  });
});
