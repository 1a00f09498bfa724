import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { amountOf } from '../../src/amount.ts';
import { type Holding, judge, summaryOf } from '../../src/insights/explain-rules.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { featureIds, subscribeAtRandom } from '../helpers/random-subscriptions.ts';
import { statementsOf } from '../helpers/statements.ts';

const hour = 3_600_000;
const day = 24 * hour;
const now = Date.now();
const ago = (ms: number) => new Date(now - ms);
let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const query = `query ($userId: String!, $featureId: String!, $at: DateTime) {
  explainEntitlement(userId: $userId, featureId: $featureId, at: $at) {
    at access reason summary user { id } feature { id name } consumption { used budget remaining topUp { remaining } }
    candidates {
      outcome reason limit overageEnabled startedAt endedAt windowStart windowEnd used
      subscription { id status package { id version } } grant { id reason }
    }
    usage { delta occurredAt note feature { id } }
    changes { action subjectType subjectId }
  }
}`;
const explain = async (variables: object) => (await app.ok(query, variables)).explainEntitlement;

describe('the rules', () => {
  const question = {
    userId: 'ann',
    featureId: 'calls',
    featureType: 'CONSUMABLE' as const,
    at: ago(0),
    isPast: false,
  };
  const package_ = (packageId: string, facts: object = {}): Holding => ({
    kind: 'SUBSCRIPTION',
    subscriptionId: 1n,
    startedAt: ago(3 * day),
    endedAt: null,
    limit: amountOf(10),
    overageEnabled: false,
    anchor: ago(3 * day),
    resetPeriod: null,
    resetEvery: 1,
    timeZone: null,
    ...facts,
    subscription: {
      packageId,
      version: 2,
      status: 'ACTIVE',
      startedAt: ago(3 * day),
      endedAt: null,
      trialEnd: null,
      ...('status' in facts ? { status: facts.status as 'ACTIVE' } : {}),
    },
  });
  const outcomes = (...holdings: Holding[]) =>
    judge(holdings, question).map(({ subscription, outcome }) => [subscription?.packageId, outcome]);

  test.each([
    ['the highest limit', { limit: amountOf(9) }, 'LOWER_LIMIT'],
    ['overage, of the same limit', { overageEnabled: false }, 'NO_OVERAGE'],
    [
      'the earlier start, of the same terms',
      { overageEnabled: true, startedAt: ago(2 * day) },
      'LATER_START',
    ],
    ['what is live: a status', { limit: null, status: 'PAST_DUE' }, 'NOT_LIVE'],
    ['what is live: its start', { limit: null, startedAt: new Date(now + day) }, 'NOT_STARTED'],
    ['what is live: its end', { limit: null, endedAt: ago(0) }, 'ENDED'],
  ])('%s counts', (_what, facts, outcome) => {
    expect(
      outcomes(
        package_('other', { ...facts, subscriptionId: 2n }),
        package_('wins', { overageEnabled: true }),
      ),
    ).toEqual([
      ['wins', 'COUNTS'],
      ['other', outcome],
    ]);
  });

  test('of a BINARY feature too, what is live comes before the rest', () => {
    const over = package_('over', { endedAt: ago(0), startedAt: ago(day), subscriptionId: 2n });
    const live = package_('live', { startedAt: ago(5 * day), subscriptionId: 3n });
    const judged = judge([over, package_('later'), live], { ...question, featureType: 'BINARY' });
    expect(judged.map(({ subscription, outcome }) => [subscription?.packageId, outcome])).toEqual([
      ['live', 'COUNTS'],
      ['later', 'LATER_START'],
      ['over', 'ENDED'],
    ]);
  });

  test('what was cancelled counted until its end', () => {
    const cancelled = package_('pro', { status: 'CANCELLED', endedAt: ago(-day) });
    expect(judge([cancelled], { ...question, isPast: true })).toMatchObject([{ outcome: 'COUNTS' }]);
    expect(outcomes(cancelled)).toEqual([['pro', 'NOT_LIVE']]);
  });

  test.each([
    [[], { used: 0n }, '"ann" has no access to "calls": the user never had a package or a grant with it.'],
    [
      [package_('pro', { status: 'UNPAID' })],
      { used: 0n },
      '"ann" has no access to "calls": nothing with it is live. The package "pro" (version 2): Its status is UNPAID; only ACTIVE and TRIALING give access.',
    ],
    [
      [package_('pro')],
      { used: amountOf(10), held: amountOf(1) },
      /^"ann" may not use "calls": the package "pro" \(version 2\) counts, and 10 of 10 is used since [\d-]+ [\d:]+ UTC\. Reservations hold 1\.$/,
    ],
    [
      [package_('pro', { resetPeriod: 'DAY' })],
      { used: amountOf(10) },
      /is used since [\d-]+ [\d:]+ UTC\. It resets at [\d-]+ [\d:]+ UTC\.$/,
    ],
    [
      [package_('pro', { overageEnabled: true })],
      { used: amountOf(12) },
      /^"ann" may use .* Overage is allowed\.$/,
    ],
    [
      [package_('pro', { limit: null })],
      { used: amountOf('0.5') },
      /^"ann" may use .* 0\.5, without a limit is used since/,
    ],
    [
      [package_('pro')],
      { used: amountOf(10), topUp: { granted: amountOf(5), remaining: amountOf(5) } },
      /^"ann" may use .* Top-ups have 5 left\.$/,
    ],
  ])('the summary says it with its figures', (holdings, found, expected) => {
    const summary = summaryOf(question, judge(holdings, question), found);
    if (typeof expected === 'string') expect(summary).toBe(expected);
    else expect(summary).toMatch(expected);
  });
});

test('explains a blocked user by what counts, and by the usage and changes that led there', async () => {
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'calls' });
  await createPackage(prisma, { id: 'small', features: [{ id: 'calls', limit: 10, resetPeriod: 'MONTH' }] });
  await createPackage(prisma, { id: 'addon', isAddon: true, features: [{ id: 'calls', limit: 4 }] });
  await app.ok('mutation { createUser(input: { id: "ann" }) { id } }');
  await app.ok('mutation { subscribe(userId: "ann", packageIds: ["small", "addon"]) { id } }');
  const record = (delta: number, more = '') =>
    app.ok(
      `mutation { recordUsage(input: { userId: "ann", featureId: "calls", delta: ${delta} ${more} }) { recorded } }`,
    );
  await record(3);
  const between = new Date();
  await record(7, 'note: "a large import"');

  expect(await explain({ userId: 'ann', featureId: 'calls' })).toEqual({
    at: expect.any(String),
    access: false,
    reason: expect.stringContaining('not enough allowance remaining'),
    summary: expect.stringMatching(/^"ann" may not use "calls": .* 10 of 10 is used since .* It resets at /),
    user: { id: 'ann' },
    feature: { id: 'calls', name: 'calls' },
    consumption: { used: 10, budget: 10, remaining: 0, topUp: null },
    candidates: [
      {
        outcome: 'COUNTS',
        reason: 'It counts: of what is live, it has the highest limit (a limit of 10).',
        limit: 10,
        overageEnabled: false,
        startedAt: expect.any(String),
        endedAt: null,
        windowStart: expect.any(String),
        windowEnd: expect.any(String),
        used: 10,
        subscription: { id: expect.any(String), status: 'ACTIVE', package: { id: 'small', version: 1 } },
        grant: null,
      },
      expect.objectContaining({
        outcome: 'LOWER_LIMIT',
        reason:
          'It has a limit of 4; the package "small" (version 1) has a limit of 10, and the highest counts.',
        used: 10,
        windowEnd: null,
      }),
    ],
    usage: [
      { delta: 7, occurredAt: expect.any(String), note: 'a large import', feature: { id: 'calls' } },
      { delta: 3, occurredAt: expect.any(String), note: null, feature: { id: 'calls' } },
    ],
    changes: expect.arrayContaining([
      { action: 'subscribe', subjectType: 'SUBSCRIPTION', subjectId: expect.any(String) },
      { action: 'createUser', subjectType: 'USER', subjectId: 'ann' },
    ]),
  });

  const before = await explain({ userId: 'ann', featureId: 'calls', at: between.toISOString() });
  expect(before).toMatchObject({
    access: true,
    consumption: { used: 3, remaining: 7 },
    usage: [{ delta: 3 }],
  });
  const later = new Date(now + 40 * day).toISOString();
  expect(await explain({ userId: 'ann', featureId: 'calls', at: later })).toMatchObject({
    access: true,
    consumption: { used: 0, remaining: 10 },
  });

  const grant =
    'mutation { grantFeature(input: { userId: "ann", featureId: "calls", limit: 15, reason: "until Friday" }) { id } }';
  await app.ok(grant);
  await app.ok('mutation { topUp(input: { userId: "ann", featureId: "calls", amount: 2 }) { id } }');
  const [winner] = (await explain({ userId: 'ann', featureId: 'calls' })).candidates;
  expect(winner).toMatchObject({ outcome: 'COUNTS', grant: { reason: 'until Friday' }, subscription: null });
  expect(
    (await explain({ userId: 'ann', featureId: 'calls', at: between.toISOString() })).candidates,
  ).toContainEqual(
    expect.objectContaining({
      outcome: 'NOT_STARTED',
      grant: { id: expect.any(String), reason: 'until Friday' },
    }),
  );
});

test('a BINARY feature has neither windows nor usage', async () => {
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'export', type: 'BINARY' });
  await createPackage(prisma, { id: 'exporting', isAddon: true, features: ['export'] });
  await createUser(prisma, { id: 'bea' });
  expect(await explain({ userId: 'bea', featureId: 'export' })).toMatchObject({
    access: false,
    candidates: [],
    usage: [],
  });
  await createSubscription(prisma, { userId: 'bea', packageId: 'exporting', startedAt: ago(hour) });
  expect(await explain({ userId: 'bea', featureId: 'export' })).toMatchObject({
    access: true,
    summary: '"bea" has access to "export" by the package "exporting" (version 1).',
    candidates: [
      { outcome: 'COUNTS', reason: 'It counts: it is live.', windowStart: null, windowEnd: null, used: null },
    ],
  });
});

test('unknown ids are refused', async () => {
  const fails = async (variables: object) => (await app.fails(query, variables)).extensions.exception?.name;
  expect(await fails({ userId: 'nobody', featureId: 'calls' })).toBe('UserNotFoundError');
  expect(await fails({ userId: 'ann', featureId: 'nothing' })).toBe('FeatureNotFoundError');
});

test('answers what canUseFeature answers, of random users, in as many statements', async () => {
  const userIds = Array.from({ length: 30 }, (_, index) => `user-${index}`);
  await subscribeAtRandom(app.database.prisma, { seed: 5, now, userIds, oldest: 60, longest: 80, most: 4 });
  for (const userId of userIds.slice(0, 20))
    await app.ok(
      `mutation { recordUsage(input: { userId: "${userId}", featureId: "messages", delta: 5, enforce: false }) { recorded } }`,
    );
  const check = `query ($userId: String!, $featureId: String!) { canUseFeature(userId: $userId, featureId: $featureId) {
    access reason consumption { used budget remaining topUp { remaining } } } }`;
  const outcomes = new Set<string>();
  const counts = new Set<number>();
  for (const userId of userIds)
    for (const featureId of featureIds) {
      const { canUseFeature } = await app.ok(check, { userId, featureId });
      let explained: Awaited<ReturnType<typeof explain>>;
      const statements = await statementsOf(async () => {
        explained = await explain({ userId, featureId });
      });
      expect([userId, featureId, explained]).toMatchObject([userId, featureId, canUseFeature]);
      for (const { outcome } of explained.candidates) outcomes.add(outcome);
      // Whoever has two of everything needs no more statements than who has one.
      if (explained.candidates.length > 1 && explained.access) counts.add(statements.length);
    }
  expect(outcomes.size).toBeGreaterThan(3);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThan(4);
});
