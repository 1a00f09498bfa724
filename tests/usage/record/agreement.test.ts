import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { amountOf, amountOrNull, amountText, numberOf } from '../../../src/amount.ts';
import { findDrawDifferences } from '../../../src/usage/draws/store.ts';
import type { CountingGrant } from '../../../src/usage/ledger/rules.ts';
import { findDifferences } from '../../../src/usage/ledger/verify-store.ts';
import { findHoldDifferences } from '../../../src/usage/reservations/verify-store.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';
import { Model, type Outcome } from './model.ts';

/*
 * What a check allows is what an enforced usage of the same delta records, and what a check refuses it refuses:
 * for random limits and totals of windows, also negative ones.
 */

const seed = Number(process.env.SEED ?? 21);
const storyRuns = Number(process.env.RUNS ?? 12);
const featureId = 'messages';
const limits = [0, 10, null] as const;

const step = fc.record({
  action: fc.constantFrom<'ADD' | 'SET'>('ADD', 'ADD', 'ADD', 'SET'),
  delta: fc.integer({ min: -60, max: 30 }),
});
const budgetStory = fc.record({
  limit: fc.constantFrom(...limits),
  overage: fc.constantFrom(false, false, true),
  steps: fc.array(step, { maxLength: 3 }),
  /** How much more or less than what is left is asked for. */
  beyond: fc.integer({ min: -1, max: 1 }),
});

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: featureId });
  for (const limit of limits) {
    for (const overageEnabled of [false, true]) {
      const features = [{ id: featureId, limit, overageEnabled }];
      await createPackage(app.database.prisma, { id: `${limit} ${overageEnabled}`, features });
    }
  }
});

afterAll(() => app.close());

const recordUsage = async (input: object) =>
  (
    await app.ok(
      `mutation ($input: CreateUsageEventInput!) {
        recordUsage(input: $input) { recorded entitlement { consumption { used } } }
      }`,
      { input: { featureId, ...input } },
    )
  ).recordUsage;

it('a check and an enforced usage agree, for random totals below and above zero', async () => {
  let negative = 0;
  const outcomes = new Set<boolean>();
  for (const [index, { limit, overage, steps, beyond }] of fc
    .sample(budgetStory, { seed, numRuns: 120 })
    .entries()) {
    const userId = `user-${index}`;
    await createUser(app.database.prisma, { id: userId });
    await createSubscription(app.database.prisma, { userId, packageId: `${limit} ${overage}` });
    let total = 0;
    for (const { action, delta } of steps) {
      const size = action === 'SET' ? Math.abs(delta) : delta;
      total = action === 'SET' ? size : total + size;
      const { entitlement } = await recordUsage({ userId, action, delta: size });
      expect(entitlement.consumption.used).toBe(Math.max(total, 0));
    }
    if (total < 0) negative += 1;
    const delta = Math.max(0, (limit ?? 0) - total + beyond);
    const expected = limit === null || overage || total + delta <= limit;
    const { canUseFeature } = await app.ok(
      `query ($userId: String!, $delta: Int!) {
        canUseFeature(userId: $userId, featureId: "${featureId}", delta: $delta) { access consumption { used } }
      }`,
      { userId, delta },
    );
    const { recorded } = await recordUsage({ userId, delta, enforce: true });
    expect({ index, canUse: canUseFeature.access, recorded }).toEqual({
      index,
      canUse: expected,
      recorded: expected,
    });
    expect(canUseFeature.consumption.used).toBe(Math.max(total, 0));
    outcomes.add(expected);
  }
  expect(negative).toBeGreaterThan(20);
  expect(outcomes.size).toBe(2);
});

/*
 * What the database does with budgets, grants, top-ups and reservations of one user is what the rules say, at each step of
 * a random story; see model.ts. Time passes by moving all that a user has into the past, so nothing waits. What begins or
 * ends by itself does so at other minutes of the hour than all else happens. `RUNS=5000` is a long form.
 */
const storiesAtOnce = 8;
const hour = 3_600_000;
const minute = 60_000;

const hundredths = (min: number, max: number) =>
  fc
    .oneof(
      fc.integer({ min, max }).map((whole) => whole * 100),
      fc.integer({ min: min * 100, max: max * 100 }),
    )
    .map((count) => count / 100);
const anIndex = fc.nat(5);
const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('record' as const),
      usages: fc.array(
        fc.record({
          action: fc.constantFrom<'ADD' | 'SET'>('ADD', 'ADD', 'ADD', 'SET'),
          delta: hundredths(-30, 60),
          enforce: fc.boolean(),
          key: fc.option(fc.constantFrom('a', 'b', 'c'), { freq: 3 }),
          hoursAgo: fc.option(fc.integer({ min: 0, max: 60 })),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('topUp' as const),
      amount: hundredths(1, 40),
      hours: fc.option(fc.nat(40)),
      priority: fc.nat(1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('void' as const), index: anIndex }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      amount: hundredths(1, 40),
      ttlSeconds: fc.constantFrom(300, 1_800, 5_400, 84_600),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('commit' as const), index: anIndex, amount: hundredths(0, 50) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), index: anIndex }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      limit: fc.option(hundredths(0, 80), { freq: 5 }),
      overageEnabled: fc.constantFrom(false, false, false, true),
      resets: fc.constantFrom(...[{}, { resetPeriod: 'HOUR', resetEvery: 5 }, { resetPeriod: 'DAY' }]),
      from: fc.option(fc.integer({ min: -50, max: 20 })),
      hours: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke' as const), index: anIndex }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), hours: fc.integer({ min: 1, max: 30 }) }),
  },
);
type Action = ReturnType<typeof action.generate>['value'];
type Of<Name extends Action['do']> = Extract<Action, { do: Name }>;

const allowanceTerms = [
  { limit: 0, resetPeriod: null, resetEvery: 1, overageEnabled: false },
  { limit: 50, resetPeriod: 'DAY', resetEvery: 1, overageEnabled: false },
  { limit: 20.5, resetPeriod: 'HOUR', resetEvery: 7, overageEnabled: false },
  { limit: 30, resetPeriod: null, resetEvery: 1, overageEnabled: true },
  { limit: null, resetPeriod: 'DAY', resetEvery: 2, overageEnabled: false },
] as const;
const story = fc.record({
  packages: fc.uniqueArray(fc.constantFrom(0, 0, 1, 1, 1, 2, 2, 3, 4), { maxLength: 2 }),
  steps: fc.array(fc.tuple(action, fc.constantFrom(-0.01, 0, 0.01)), { minLength: 4, maxLength: 25 }),
});

const instantsOf: [string, string[]][] = [
  ['usage_event', ['occurred_at']],
  ['usage_counter', ['window_start']],
  ['usage_excess', ['window_start']],
  ['top_up_draw', ['window_start']],
  ['subscription', ['started_at']],
  ['top_up', ['created_at', 'expires_at', 'voided_at']],
  ['feature_grant', ['starts_at', 'ends_at', 'revoked_at']],
  ['reservation', ['expires_at', 'created_at', 'committed_at', 'released_at']],
  ['usage_hold', ['expires_at']],
];

/** One user in the database and in the model, whose clock is ahead of ours by `aheadMs`. */
class Story {
  readonly #userId: string;
  readonly #key: bigint;
  readonly #began = Date.now();
  readonly #model: Model;
  #aheadMs = 0;

  constructor(userId: string, key: bigint, grants: CountingGrant[]) {
    this.#userId = userId;
    this.#key = key;
    this.#model = new Model(grants);
  }

  static async begin(userId: string, packages: readonly number[]): Promise<Story> {
    const { prisma } = app.database;
    const { key } = await createUser(prisma, { id: userId });
    const startedAt = new Date(Date.now() - 100.5 * hour);
    const grants: CountingGrant[] = [];
    for (const index of packages) {
      const { id } = await createSubscription(prisma, {
        userId,
        packageId: `allowances ${index}`,
        startedAt,
      });
      const { limit, ...terms } = allowanceTerms[index] as (typeof allowanceTerms)[number];
      const more = {
        subscriptionId: id,
        startedAt,
        anchor: startedAt,
        endedAt: null,
        timeZone: null,
        live: true,
      };
      grants.push({ kind: 'SUBSCRIPTION', limit: amountOrNull(limit), ...terms, ...more });
    }
    return new Story(userId, key, grants);
  }

  /** The instant in the story. */
  get #now() {
    return new Date(Date.now() + this.#aheadMs);
  }
  /** An instant of the story, as the server knows it, and the other way. */
  #told = (at: Date) => new Date(at.getTime() - this.#aheadMs).toISOString();
  #read = (text: string) => new Date(new Date(text).getTime() + this.#aheadMs);
  /** So many hours after the one of now, at the half hour. */
  #halfPast(hours: number): Date {
    const passed = Math.floor((this.#now.getTime() - this.#began) / hour);
    return new Date(this.#began + (passed + hours) * hour + 30 * minute);
  }
  #input = (more: object) => ({ userId: this.#userId, featureId: 'credits', ...more });
  #of = <Item>(items: readonly Item[], index: number): Item | undefined =>
    items[index % Math.max(items.length, 1)];

  async take(step: Action): Promise<void> {
    await this.#steps[step.do](step as never);
  }

  readonly #steps: { [Name in Action['do']]: (step: Of<Name>) => Promise<void> } = {
    record: async ({ usages }) => {
      // A list with SET or enforce is applied in order; of other lists each usage counts on its own.
      const isOrdered = usages.some((usage) => usage.action === 'SET' || usage.enforce);
      for (const list of isOrdered ? [usages] : usages.map((usage) => [usage])) await this.#record(list);
    },
    topUp: async ({ amount, hours, priority }) => {
      const expiresAt = hours === null ? null : this.#halfPast(hours);
      const input = this.#input({ amount, priority, expiresAt: expiresAt && this.#told(expiresAt) });
      const { topUp } = await app.ok(
        'mutation ($input: TopUpInput!) { topUp(input: $input) { id createdAt } }',
        { input },
      );
      const [whole, startsAt] = [amountOf(amount), this.#read(topUp.createdAt)];
      const more = { priority, startsAt, expiresAt, voidedAt: null };
      this.#model.topUps.push({ id: BigInt(topUp.id), amount: whole, remaining: whole, ...more });
    },
    void: async ({ index }) => {
      const topUp = this.#of(this.#model.topUps, index);
      if (topUp === undefined) return;
      const { voidTopUp } = await app.ok('mutation ($id: String!) { voidTopUp(id: $id) { voidedAt } }', {
        id: `${topUp.id}`,
      });
      topUp.voidedAt ??= this.#read(voidTopUp.voidedAt);
    },
    reserve: async ({ amount, ttlSeconds }) => {
      const held = amountOf(amount);
      const { reserveUsage: made } = await app.ok(
        `mutation ($input: ReserveUsageInput!) {
          reserveUsage(input: $input) { reserved reason id expiresAt }
        }`,
        { input: this.#input({ amount, ttlSeconds }) },
      );
      const { access, reason } = this.#model.entitlement(this.#now, held);
      expect(made).toMatchObject({ reserved: access, reason: access ? null : reason });
      if (!access) return;
      const more = { committed: null, isReleased: false };
      this.#model.reservations.push({
        id: made.id,
        amount: held,
        expiresAt: this.#read(made.expiresAt),
        ...more,
      });
    },
    commit: async ({ index, amount }) => {
      const held = this.#of(this.#model.reservations, index);
      if (held === undefined) return;
      const mutation = `mutation ($id: String!, $amount: Amount!) {
        commitReservation(id: $id, amount: $amount) { recorded duplicate }
      }`;
      const given = { id: held.id, amount };
      if (held.isReleased) {
        expect((await app.fails(mutation, given)).extensions.code).toBe('CONFLICT');
        return;
      }
      const { commitReservation } = await app.ok(mutation, given);
      expect(commitReservation).toEqual({ recorded: true, duplicate: held.committed !== null });
      if (held.committed !== null) return;
      held.committed = amountOf(amount);
      const usage = { action: 'ADD', delta: held.committed, enforce: false, idempotencyKey: null } as const;
      const now = this.#now;
      this.#model.record(usage, now, now);
    },
    release: async ({ index }) => {
      const held = this.#of(this.#model.reservations, index);
      if (held === undefined) return;
      const mutation = 'mutation ($id: String!) { releaseReservation(id: $id) { reserved } }';
      if (held.committed !== null)
        expect((await app.fails(mutation, { id: held.id })).extensions.code).toBe('CONFLICT');
      else await app.ok(mutation, { id: held.id });
      held.isReleased = held.committed === null;
    },
    grant: async ({ limit, overageEnabled, resets, from, hours }) => {
      const startsAt = from === null ? null : new Date(this.#halfPast(from).getTime() + 15 * minute);
      const first = Math.max(this.#now.getTime(), startsAt?.getTime() ?? 0);
      const after = startsAt === null ? first : startsAt.getTime();
      const endsAt = hours === null ? null : new Date(after + hours * hour + 5 * minute);
      const terms = { limit, overageEnabled, ...resets };
      const input = this.#input({
        ...terms,
        startsAt: startsAt && this.#told(startsAt),
        endsAt: endsAt && this.#told(endsAt),
      });
      const { grantFeature } = await app.ok(
        'mutation ($input: GrantFeatureInput!) { grantFeature(input: $input) { id startsAt } }',
        { input },
      );
      const anchor = this.#read(grantFeature.startsAt);
      this.#model.grants.push({
        kind: 'GRANT',
        subscriptionId: BigInt(grantFeature.id),
        startedAt: anchor,
        anchor,
        endedAt: endsAt,
        live: true,
        timeZone: null,
        resetPeriod: null,
        resetEvery: 1,
        ...(resets as object),
        overageEnabled,
        limit: amountOrNull(limit),
      });
    },
    revoke: async ({ index }) => {
      const grants = this.#model.grants.filter(({ kind }) => kind === 'GRANT');
      const grant = this.#of(grants, index);
      if (grant === undefined) return;
      const { revokeGrant } = await app.ok('mutation ($id: String!) { revokeGrant(id: $id) { endsAt } }', {
        id: `${grant.subscriptionId}`,
      });
      grant.endedAt = this.#read(revokeGrant.endsAt);
    },
    pass: async ({ hours }) => {
      // Far away first: a row may not take the place of one that has not moved yet.
      const steps = ["+ interval '400000 days'", `- interval '400000 days' - interval '${hours} hours'`];
      const updates = steps.flatMap((by) =>
        instantsOf.map(([table, columns]) => {
          const moved = columns.map((column) => `${column} = ${column} ${by}`).join(', ');
          return `update ${table} set ${moved} where user_key = ${this.#key}`;
        }),
      );
      await app.database.work.query(updates.join(';'));
      this.#aheadMs += hours * hour;
    },
  };

  async #record(usages: Of<'record'>['usages']): Promise<void> {
    const started = this.#now;
    const sent = usages.map(({ key, hoursAgo, delta, ...usage }) => {
      const at = hoursAgo === null ? null : new Date(started.getTime() - hoursAgo * hour - 10 * minute);
      return { ...usage, delta: usage.action === 'SET' ? Math.abs(delta) : delta, key, at };
    });
    const input = sent.map(({ key, at, ...usage }) =>
      this.#input({ ...usage, idempotencyKey: key, timestamp: at && this.#told(at) }),
    );
    const { recordUsages } = await app.ok(
      `mutation ($input: [CreateUsageEventInput!]!) {
        recordUsages(input: $input) {
          recorded reason duplicate error { name }
          entitlement { ${entitlementFields} }
        }
      }`,
      { input },
    );
    for (const [index, { key, at, ...usage }] of sent.entries()) {
      const now = this.#now;
      const recorded = { ...usage, delta: amountOf(usage.delta), idempotencyKey: key };
      const outcome = this.#model.record(recorded, at ?? now, now);
      const result = recordUsages[index];
      expect(outcomeOf(result)).toEqual(outcome);
      if (outcome !== 'conflict')
        expect(result.entitlement).toEqual(inNumbers(this.#model.entitlement(now, amountOf(1))));
    }
  }

  /** What can be asked is what the model says; `beyond` is how much more than what is left is asked for. */
  async compare(beyond: number): Promise<void> {
    const remaining = this.#model.entitlement(this.#now, 0n).consumption?.remaining ?? 0n;
    const amount = Math.max(0, numberOf(remaining + amountOf(beyond)));
    const answer = await app.ok(
      `query ($userId: String!, $amount: Amount!) {
        canUseFeature(userId: $userId, featureId: "credits", amount: $amount) { ${entitlementFields} }
        topUps(userId: $userId) { id remaining }
        openReservations(userId: $userId) { id }
      }`,
      { userId: this.#userId, amount },
    );
    expect(answer).toEqual({
      canUseFeature: inNumbers(this.#model.entitlement(this.#now, amountOf(amount))),
      topUps: this.#model.topUps.map(({ id, remaining: left }) => ({
        id: `${id}`,
        remaining: numberOf(left),
      })),
      openReservations: expect.arrayContaining(this.#model.open(this.#now).map(({ id }) => ({ id }))),
    });
    expect(answer.openReservations).toHaveLength(this.#model.open(this.#now).length);
    const { rows } = await app.database.work.query(
      `select subscription_id, window_start, top_up_id, amount from usage_excess where user_key = $1
       order by subscription_id, window_start, position`,
      [this.#key],
    );
    const stored: Record<string, [string | null, string][]> = {};
    for (const row of rows) {
      const start = this.#read(row.window_start);
      const name = `${row.subscription_id} ${start.getTime()}`;
      stored[name] = [...(stored[name] ?? []), [row.top_up_id, amountText(amountOf(row.amount))]];
    }
    const modelled = [...this.#model.excess].filter(([, { parts }]) => parts.length > 0);
    expect(stored).toEqual(
      Object.fromEntries(
        modelled.map(([name, { parts }]) => [
          name,
          parts.map(({ topUpId, amount: part }) => [topUpId && `${topUpId}`, amountText(part)]),
        ]),
      ),
    );
  }
}

const entitlementFields =
  'access reason consumption { used budget overageEnabled remaining topUp { granted remaining } }';

function outcomeOf(result: {
  recorded: boolean;
  duplicate: boolean;
  reason: string | null;
  error: { name: string } | null;
}): Outcome {
  if (result.error !== null) {
    expect(result.error.name).toBe('IdempotencyKeyConflictError');
    return 'conflict';
  }
  if (!result.recorded) return { refused: result.reason ?? '' };
  return result.duplicate ? 'duplicate' : 'recorded';
}

/** An entitlement as JSON tells it. */
const inNumbers = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_name, each) => (typeof each === 'bigint' ? numberOf(each) : each)));

it(
  'budgets, grants, top-ups and reservations do what the rules say, step by step',
  async () => {
    const { prisma, hot } = app.database;
    await createFeature(prisma, { id: 'credits', precision: 2 });
    for (const [index, terms] of allowanceTerms.entries())
      await createPackage(prisma, {
        id: `allowances ${index}`,
        isAddon: true,
        features: [{ id: 'credits', ...terms }],
      });
    const stories = fc.sample(story, { seed, numRuns: storyRuns });
    const seen = new Set<string>();
    const tell = async ({ packages, steps }: (typeof stories)[number], index: number) => {
      const told = await Story.begin(`story ${index}`, packages);
      for (const [count, [step, beyond]] of steps.entries()) {
        try {
          await told.take(step);
          await told.compare(beyond);
        } catch (failure) {
          const where = `SEED=${seed}, story ${index}, step ${count}`;
          throw new Error(`${where} of ${JSON.stringify({ packages, steps })}`, { cause: failure });
        }
        seen.add(step.do);
      }
    };
    const left = [...stories.entries()];
    await Promise.all(
      Array.from({ length: storiesAtOnce }, async () => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) await tell(next[1], next[0]);
      }),
    );
    expect(await findDifferences(hot, 0n, 2n ** 62n)).toEqual([]);
    expect(await findDrawDifferences(hot, 0n, 2n ** 62n)).toEqual([]);
    expect(await findHoldDifferences(hot, 0n, 2n ** 62n)).toEqual([]);
    expect(seen.size).toBe(9);
  },
  30_000 + storyRuns * 2_000,
);
