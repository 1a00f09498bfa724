import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { migrationJobs } from '../../src/subscriptions/migration/jobs.ts';
import { migrationJob } from '../../src/subscriptions/migration/migrate.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

// The examples of the guides run in their order, as they stand there; those that are not GraphQL in
// tests/documented/doors.test.ts.

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  for (const id of ['api-calls', 'tokens']) await createFeature(prisma, { id });
  const features = ['api-calls', 'tokens'].map((id) => ({ id, limit: 100 }));
  await createPackage(prisma, { id: 'base', features });
  await createUser(prisma, { id: '124' });
  await createSubscription(prisma, { userId: '124', packageId: 'base' });
});
afterAll(() => app.close());

/**
 * Sends the GraphQL examples of a guide, and answers what they answer.
 *
 * @param after what its reader does after an example, by the place of that
 */
async function sendExamples(page: string, after: Record<number, () => Promise<void>> = {}) {
  const guide = await readFile(new URL(`../../docs/guides/${page}`, import.meta.url), 'utf8');
  const answers = [];
  for (const [place, [, example = '']] of [...guide.matchAll(/```graphql\n(.+?)```/gs)].entries()) {
    answers.push(await app.ok(example));
    await after[place]?.();
  }
  return answers;
}

test('every example about allowances succeeds, and the allowances are what the guide says', async () => {
  const answers = await sendExamples('allowances.md');
  expect(answers[2]).toMatchObject({
    canUseFeature: {
      access: true,
      consumption: { used: 0, budget: 100, remaining: 150, topUp: { granted: 50, remaining: 50 } },
    },
  });
  expect(answers[3]).toMatchObject({ reserveUsage: { reserved: true, reason: null } });
  expect(answers[0]).toMatchObject({ grantFeature: { limit: 500, endsAt: '2030-03-01T17:00:00.000Z' } });
});

test('every example about calendar months succeeds, and windows end where the guide says', async () => {
  const subscribeAnna = async () => {
    await app.ok('mutation { publishPackage(id: "pro") { id } createUser(input: { id: "anna" }) { id } }');
    await app.ok(
      'mutation { subscribe(userId: "anna", packageIds: ["pro"], startsAt: "2026-03-10T12:00:00Z") { id } }',
    );
  };
  const [made, environment, usage] = await sendExamples('calendar-months.md', { 1: subscribeAnna });
  const resets = { resetPeriod: 'MONTH', resetEvery: 1, resetAnchor: 'CALENDAR', timeZone: 'Europe/Berlin' };
  expect(made.createPackage.features).toEqual([resets]);
  expect(environment.updateEnvironment).toEqual({ timeZone: 'Europe/Berlin' });
  expect(usage.showUsage.current).toMatchObject({ consumption: { used: 0, budget: 1_000 } });
  const { showUsage } = await app.ok(
    '{ showUsage(userId: "anna", featureId: "api-calls", pastPeriods: 120) { past { periodStart periodEnd } } }',
  );
  expect(showUsage.past.slice(-2)).toEqual([
    { periodStart: '2026-03-31T22:00:00.000Z', periodEnd: '2026-04-30T22:00:00.000Z' },
    { periodStart: '2026-03-10T12:00:00.000Z', periodEnd: '2026-03-31T22:00:00.000Z' },
  ]);
});

test('every example about changing plans succeeds, and everybody has what the guides say', async () => {
  const { prisma } = app.database;
  const monthly = (limit: number) => [{ id: 'api-calls', limit, resetPeriod: 'MONTH' as const }];
  for (const id of ['starter', 'old-plan', 'new-plan'])
    await createPackage(prisma, { id, features: monthly(1_000) });
  for (const [id, packageId] of [
    ['yann', 'starter'],
    ['zoe', 'old-plan'],
  ] as const) {
    await createUser(prisma, { id });
    await createSubscription(prisma, { userId: id, packageId });
  }
  const moved = async () => {
    const context = { pool: app.jobs, log: pino({ level: 'silent' }), stop: new AbortController().signal };
    while ((await prisma.subscriberMigration.count({ where: { state: 'RUNNING' } })) > 0)
      await migrationJobs(prisma)[migrationJob]?.({ environmentId: 'test' }, context);
  };
  const [, preview, , progress] = await sendExamples('raise-a-limit.md', { 2: moved });
  expect(preview.previewMigration).toMatchObject({ moving: 1, skipped: 0, overLimit: 0 });
  expect(progress.migrations).toEqual([{ state: 'DONE', total: 1, moved: 1, skipped: 0, failed: 0 }]);
  const budget = '{ canUseFeature(userId: "yann", featureId: "api-calls") { consumption { budget } } }';
  expect(await app.ok(budget)).toEqual({ canUseFeature: { consumption: { budget: 2_000 } } });

  const [, , { subscriptions }] = await sendExamples('move-at-period-end.md', { 1: moved });
  const cancelsAt = expect.any(String);
  expect(subscriptions).toMatchObject([
    { status: 'ACTIVE', cancelsAt, package: { id: 'old-plan' } },
    { status: 'SCHEDULED', startedAt: subscriptions[0].cancelsAt, package: { id: 'new-plan' } },
  ]);
});

test('every example about moving in succeeds, and everybody is where they were', async () => {
  const features = [{ id: 'api-calls', limit: 1_000, resetPeriod: 'MONTH' as const }];
  await createPackage(app.database.prisma, { id: 'team', features });
  const [mia, all] = await sendExamples('move-in.md');
  expect(mia).toMatchObject({
    subscribe: [{ status: 'ACTIVE', startedAt: '2026-03-10T09:00:00.000Z' }],
    recordUsage: {
      recorded: true,
      entitlement: { consumption: { used: 340, budget: 1_000, remaining: 660 } },
    },
  });
  expect(all).toMatchObject({
    importUsers: { rows: [{ outcome: 'CREATED' }, { outcome: 'CREATED' }] },
    subscribeUsers: [{ error: null }, { error: null }],
  });
});
