import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';

/*
 * What a check allows is what an enforced usage of the same delta records, and what a check refuses it refuses:
 * for random limits and totals of windows, also negative ones.
 */

const seed = Number(process.env.SEED ?? 21);
const featureId = 'messages';
const limits = [0, 10, null] as const;

const step = fc.record({
  action: fc.constantFrom<'ADD' | 'SET'>('ADD', 'ADD', 'ADD', 'SET'),
  delta: fc.integer({ min: -60, max: 30 }),
});
const story = fc.record({
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
    .sample(story, { seed, numRuns: 120 })
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
