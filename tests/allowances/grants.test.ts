import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DateTime } from 'luxon';
import { findDifferences } from '../../src/usage/ledger/verify-store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

let app: TestApp;
let users = 0;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'messages' });
  await createFeature(prisma, { id: 'seats' });
  await createFeature(prisma, { id: 'sso', type: 'BINARY' });
  const features = [{ id: 'messages', limit: 10, resetPeriod: 'MONTH' as const }];
  await createPackage(prisma, { id: 'base', features });
});
afterAll(() => app.close());

/** A new user with a budget of 10 messages. */
async function subscriber(): Promise<string> {
  users += 1;
  const userId = `user-${users}`;
  await createUser(app.database.prisma, { id: userId });
  await createSubscription(app.database.prisma, {
    userId,
    packageId: 'base',
    startedAt: DateTime.utc().minus({ days: 10 }).toJSDate(),
  });
  return userId;
}

const grantMutation = `mutation ($input: GrantFeatureInput!) {
  grantFeature(input: $input) {
    id userId feature { id } limit resetPeriod resetEvery overageEnabled startsAt endsAt reason revokedAt
  }
}`;
const grant = async (input: object) => (await app.ok(grantMutation, { input })).grantFeature;
const refusal = (input: object) => app.fails(grantMutation, { input });

const check = async (userId: string, featureId = 'messages') =>
  (
    await app.ok(
      `query ($userId: String!, $featureId: String!) {
        canUseFeature(userId: $userId, featureId: $featureId) { access reason consumption { used budget } }
      }`,
      { userId, featureId },
    )
  ).canUseFeature;

const record = async (input: object) =>
  (
    await app.ok(
      `mutation ($input: CreateUsageEventInput!) {
        recordUsage(input: $input) { recorded entitlement { access consumption { used budget } } }
      }`,
      { input: { featureId: 'messages', ...input } },
    )
  ).recordUsage;

const revoke = async (id: string, reason?: string) =>
  (
    await app.ok(
      `mutation ($id: String!, $reason: String) {
        revokeGrant(id: $id, reason: $reason) { endsAt revokedAt revokeReason }
      }`,
      { id, reason },
    )
  ).revokeGrant;

const proven = async () => expect(await findDifferences(app.database.hot, 0n, 2n ** 62n)).toEqual([]);
const inDays = (days: number) => DateTime.utc().plus({ days }).toISO();

describe('a grant', () => {
  test('gives one user more until a date, with a window of its own', async () => {
    const userId = await subscriber();
    await record({ userId, delta: 10 });
    expect(await check(userId)).toMatchObject({ access: false, consumption: { used: 10, budget: 10 } });
    const made = await grant({
      userId,
      featureId: 'messages',
      limit: 500,
      endsAt: inDays(3),
      reason: 'goodwill',
    });
    expect(made).toMatchObject({ userId, limit: 500, resetPeriod: null, resetEvery: 1, reason: 'goodwill' });
    expect(await check(userId)).toEqual({
      access: true,
      reason:
        'The user has a grant of this consumable feature and either has an allowance remaining or overage is enabled.',
      consumption: { used: 0, budget: 500 },
    });
    // Both paths count towards it: the shared statement, and the decision under the lock.
    expect((await record({ userId, delta: 3 })).entitlement.consumption).toEqual({ used: 3, budget: 500 });
    expect((await record({ userId, delta: 497, enforce: true })).recorded).toBe(true);
    expect((await record({ userId, delta: 1, enforce: true })).recorded).toBe(false);
    await proven();
  });

  test('ends by the clock: afterwards the package counts again, with all that was used', async () => {
    const userId = await subscriber();
    await grant({ userId, featureId: 'messages', startsAt: inDays(-3), endsAt: inDays(-1), limit: 99 });
    await record({ userId, delta: 4, timestamp: inDays(-2) });
    await grant({ userId, featureId: 'messages', startsAt: inDays(1), limit: 99 });
    expect(await check(userId)).toMatchObject({ consumption: { used: 4, budget: 10 } });
    await proven();
  });

  test('that starts in the past counts what the ledger holds since then', async () => {
    const userId = await subscriber();
    await record({ userId, delta: 5, timestamp: inDays(-5) });
    await record({ userId, delta: 2, timestamp: inDays(-1) });
    await grant({ userId, featureId: 'messages', startsAt: inDays(-2), resetPeriod: 'YEAR' });
    expect(await check(userId)).toMatchObject({ consumption: { used: 2, budget: null } });
    await proven();
  });

  test('needs no subscription, gives access to a BINARY feature, and ends when it is revoked', async () => {
    const { id: userId } = await createUser(app.database.prisma, { id: 'without package' });
    expect(await check(userId, 'sso')).toMatchObject({ access: false });
    const { id } = await grant({ userId, featureId: 'sso' });
    expect(await check(userId, 'sso')).toEqual({
      access: true,
      reason: 'The user has a grant of this binary feature.',
      consumption: null,
    });
    const { entitlements } = await app.ok(
      '{ entitlements(userId: "without package") { feature { id } access subscription { id } grant { id } } }',
    );
    expect(entitlements).toEqual([
      { feature: { id: 'sso' }, access: true, subscription: null, grant: { id } },
    ]);
    const revoked = await revoke(id, 'by mistake');
    expect(revoked).toMatchObject({ revokeReason: 'by mistake', endsAt: revoked.revokedAt });
    expect(await revoke(id, 'again')).toEqual(revoked);
    expect(await check(userId, 'sso')).toMatchObject({ access: false });
    const { auditLog } = await app.ok(
      '{ auditLog(userId: "without package") { action subjectType subjectId after } }',
    );
    expect(auditLog).toMatchObject([
      { action: 'revokeGrant', subjectType: 'FEATURE_GRANT', after: { revokeReason: 'by mistake' } },
      { action: 'grantFeature', subjectId: id, after: { userId: 'without package', featureId: 'sso' } },
    ]);
  });

  test('loses to a higher limit', async () => {
    const userId = await subscriber();
    await grant({ userId, featureId: 'messages', limit: 9, overageEnabled: true });
    expect(await check(userId)).toMatchObject({ consumption: { budget: 10 } });
    const { entitlements } = await app.ok(
      'query ($userId: String!) { entitlements(userId: $userId) { subscription { package { id } } grant { id } } }',
      { userId },
    );
    expect(entitlements).toEqual([{ subscription: { package: { id: 'base' } }, grant: null }]);
  });

  test('moves with a merge, and goes with a deletion', async () => {
    const [first, second] = [await subscriber(), await subscriber()];
    await grant({ userId: first, featureId: 'messages', limit: 20, idempotencyKey: 'k' });
    await grant({ userId: second, featureId: 'messages', limit: 100, idempotencyKey: 'k' });
    await record({ userId: first, delta: 1 });
    await record({ userId: second, delta: 2 });
    await app.ok('mutation ($ids: [String!]!) { mergeUsers(ids: $ids) { id } }', { ids: [first, second] });
    expect(await check(second)).toMatchObject({ consumption: { used: 3, budget: 100 } });
    await record({ userId: second, delta: 5 });
    expect(await check(first)).toMatchObject({ consumption: { used: 8, budget: 100 } });
    await proven();
    await app.ok('mutation ($id: String!) { deleteUser(id: $id) { id } }', { id: first });
    expect(await app.database.prisma.featureGrant.count({ where: { limit: { in: [20, 100] } } })).toBe(0);
  });

  test('with the same idempotency key is the first one; with other values it is a conflict', async () => {
    const userId = await subscriber();
    const input = { userId, featureId: 'messages', limit: 30, idempotencyKey: 'once' };
    const made = await Promise.all(Array.from({ length: 5 }, () => grant(input)));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect((await refusal({ ...input, limit: 31 })).extensions).toMatchObject({
      code: 'CONFLICT',
      exception: { name: 'IdempotencyKeyConflictError' },
    });
    const list = await app.ok('query ($userId: String!) { grants(userId: $userId) { limit } }', { userId });
    expect(list.grants).toEqual([{ limit: 30 }]);
  });

  test.each([
    [
      'an end before its start',
      { startsAt: inDays(2), endsAt: inDays(1) },
      'input.endsAt: must be after the start',
    ],
    ['an end before now', { endsAt: inDays(-1) }, 'input.endsAt: must be after the start'],
    ['a negative limit', { limit: -1 }, 'input.limit: must be 0 or more'],
    [
      'a reset every zero months',
      { resetPeriod: 'MONTH', resetEvery: 0 },
      'input.resetEvery: must be 1 or more',
    ],
    ['a reset every 5 of nothing', { resetEvery: 5 }, 'input.resetEvery: needs a resetPeriod'],
    ['a limit of a BINARY feature', { featureId: 'sso', limit: 1 }, 'input.limit: a BINARY feature has none'],
    ['a blank key', { idempotencyKey: ' ' }, 'input.idempotencyKey: must not be blank'],
  ])('is refused with %s', async (_what, input, message) => {
    const userId = await subscriber();
    expect(await refusal({ userId, featureId: 'messages', ...input })).toMatchObject({
      message,
      extensions: { code: 'BAD_USER_INPUT' },
    });
  });

  test('of an unknown feature, to an unknown user, or that is unknown itself, is not found', async () => {
    const userId = await subscriber();
    const names = [
      await refusal({ userId, featureId: 'nothing' }),
      await refusal({ userId: 'nobody', featureId: 'messages' }),
      await app.fails('mutation { revokeGrant(id: "999999") { id } }'),
      await app.fails('mutation { revokeGrant(id: "none") { id } }'),
    ].map(({ extensions }) => extensions.exception?.name);
    expect(names).toEqual([
      'FeatureNotFoundError',
      'UserNotFoundError',
      'GrantNotFoundError',
      'GrantNotFoundError',
    ]);
  });
});
