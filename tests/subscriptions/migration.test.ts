import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { migrationJobs } from '../../src/subscriptions/migration/jobs.ts';
import { migrationJob } from '../../src/subscriptions/migration/migrate.ts';
import { verify } from '../../src/usage/ledger/verify.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { callerError } from '../helpers/errors.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

/* The queue does not run here: a test runs the job where it wants it to run. */

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());
const db = () => app.database.prisma;
const day = 86_400_000;
const ago = (days: number) => new Date(Date.now() - days * day);
const ahead = (days: number) => new Date(Date.now() + days * day);

beforeEach(async () => {
  await app.database.hot.query(
    'truncate feature, package, "user", subscription, usage_event, usage_counter, usage_hour, feature_hour, usage_rollup, subscriber_migration, audit_entry cascade',
  );
  for (const id of ['calls', 'mails']) await createFeature(db(), { id });
  const calls = (limit: number) => ({ id: 'calls', limit, resetPeriod: 'MONTH' as const });
  await createPackage(db(), { id: 'pro', features: [calls(100)] });
  await createPackage(db(), { id: 'basic', features: [calls(10)] });
  await createPackage(db(), { id: 'flat', features: ['calls'] });
  await createPackage(db(), { id: 'seats', isAddon: true, features: ['mails'], bases: ['pro'] });
  await createPackage(db(), { id: 'other-seats', isAddon: true, features: ['mails'] });
});

const counts = 'state total examined moved skipped failed problem finishedAt';
const startText = `mutation ($input: MigrateSubscribersInput!) { migrateSubscribers(input: $input) { id ${counts} } }`;
const previewText = `query ($input: MigrateSubscribersInput!) { previewMigration(input: $input) {
  total moving skipped skippedUsers { userId reason }
  overLimit overLimitUsers { userId featureId used limit overageEnabled }
  endingAddons { packageId count package { id name } } } }`;
const migrationText = `query ($id: String!) { migration(id: $id) { id ${counts} at usage fromVersion toVersion
  fromPackage { id version } toPackage { id version } problems { userId outcome reason } } }`;
const heldText = `query ($userId: String!) { subscriptions(userId: $userId) {
  id status startedAt cancelsAt trialEnd package { id version } } }`;

type Input = { fromPackageId?: string; toPackageId?: string } & Record<string, unknown>;
const inputOf = (input: Input) => ({ input: { fromPackageId: 'pro', toPackageId: 'basic', ...input } });
const start = async (input: Input = {}) => (await app.ok(startText, inputOf(input))).migrateSubscribers;
const preview = async (input: Input = {}) => (await app.ok(previewText, inputOf(input))).previewMigration;
const migrationOf = async (id: string) => (await app.ok(migrationText, { id })).migration;
type Held = { startedAt: string };
const held = async (userId: string) =>
  (await app.ok(heldText, { userId })).subscriptions.filter(
    ({ status }: { status: string }) => status !== 'CANCELLED',
  );
const holds = async (userId: string) =>
  (await held(userId)).map(
    (each: { status: string; package: { id: string; version: number } }) =>
      `${each.package.id} ${each.package.version} ${each.status}`,
  );
const usedOf = async (userId: string) => {
  const text = `query ($userId: String!) { canUseFeature(userId: $userId, featureId: "calls") {
    consumption { used budget } } }`;
  return (await app.ok(text, { userId })).canUseFeature.consumption;
};
const record = (userId: string, delta: number) =>
  app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', {
    input: { userId, featureId: 'calls', delta },
  });
const log = pino({ level: 'silent' });
const context = () => ({ pool: app.jobs, log, stop: new AbortController().signal });
const runJob = () => migrationJobs(db())[migrationJob]?.({ environmentId: 'test' }, context());
async function finished(id: string) {
  let migration = await migrationOf(id);
  while (migration.state === 'RUNNING') {
    await runJob();
    migration = await migrationOf(id);
  }
  return migration;
}

async function subscriber(id: string, packageId = 'pro', facts: object = {}) {
  await createUser(db(), { id });
  return createSubscription(db(), { userId: id, packageId, startedAt: ago(3), ...facts });
}

/** Publishes version 2 of a package, with another limit. */
async function publishVersion(packageId: string, limit: number) {
  const input = { features: [{ id: 'calls', entitlement: { limit, resetPeriod: 'MONTH' } }] };
  await app.ok('mutation ($id: String!) { createPackageVersion(packageId: $id) { id } }', { id: packageId });
  await app.ok(
    'mutation ($id: String!, $input: UpdateDraftPackageInput!) { updateDraftPackage(id: $id, input: $input) { id } }',
    { id: packageId, input },
  );
  await app.ok('mutation ($id: String!) { publishPackage(id: $id) { version } }', { id: packageId });
}

async function differences() {
  const found: unknown[] = [];
  const note = (difference: unknown) => found.push(difference);
  await verify(app.database.hot, {
    progress: () => undefined,
    counter: note,
    key: note,
    draw: note,
    hold: note,
    hour: () => undefined,
    total: () => undefined,
  });
  return found;
}

describe('a migration', () => {
  it('moves everybody to the next version, with what was used, exactly as previewed', async () => {
    for (const id of ['ada', 'ben', 'cleo']) await subscriber(id);
    await subscriber('dora', 'basic');
    await record('ada', 40);
    await record('ben', 70);
    await publishVersion('pro', 50);
    const input = { toPackageId: 'pro', fromVersion: 1 };
    expect(await preview(input)).toEqual({
      ...{ total: 3, moving: 3, skipped: 0, skippedUsers: [], overLimit: 1, endingAddons: [] },
      overLimitUsers: [{ userId: 'ben', featureId: 'calls', used: 70, limit: 50, overageEnabled: false }],
    });
    expect(await preview({ ...input, usage: 'RESET' })).toMatchObject({ moving: 3, overLimit: 0 });
    const begun = await start(input);
    expect(begun).toMatchObject({ state: 'RUNNING', total: 3, examined: 0, finishedAt: null });
    const done = await finished(begun.id);
    expect(done).toMatchObject({
      ...{ state: 'DONE', total: 3, examined: 3, moved: 3, skipped: 0, failed: 0, problems: [] },
      ...{ at: 'NOW', usage: 'CARRY', fromVersion: 1, toVersion: 2 },
      ...{ fromPackage: { id: 'pro', version: 1 }, toPackage: { id: 'pro', version: 2 } },
      finishedAt: expect.any(String),
    });
    expect(await holds('ben')).toEqual(['pro 2 ACTIVE']);
    expect(await usedOf('ben')).toEqual({ used: 70, budget: 50 });
    expect(await usedOf('ada')).toEqual({ used: 40, budget: 50 });
    expect(await holds('dora')).toEqual(['basic 1 ACTIVE']);
    expect(await differences()).toEqual([]);
    const { auditLog } = await app.ok(
      '{ auditLog(subjectType: SUBSCRIPTION) { action author { kind lastFour } } }',
    );
    expect(new Set(auditLog.map((entry: object) => JSON.stringify(entry))).size).toBe(1);
    expect(auditLog[0]).toMatchObject({
      action: 'migrateSubscribers',
      author: { kind: 'PRIVATE_KEY', lastFour: app.keys.test.slice(-4) },
    });
    const { migrations } = await app.ok('{ migrations(first: 5) { id } }');
    expect(migrations).toEqual([{ id: begun.id }]);
  });

  it('schedules at the end of the own period, and a second one to another version replaces the schedule', async () => {
    await subscriber('ada');
    await subscriber('ben', 'pro', { startedAt: ago(10) });
    await subscriber('cleo', 'pro', { startedAt: ago(50), endedAt: ahead(2) });
    await publishVersion('pro', 50);
    const first = await start({ toPackageId: 'pro', at: 'PERIOD_END' });
    expect(await finished(first.id)).toMatchObject({ moved: 2, skipped: 1 });
    const [ada, later] = await held('ada');
    expect(later).toMatchObject({ status: 'SCHEDULED', startedAt: ada.cancelsAt, package: { version: 2 } });
    expect((await held('ben'))[1].startedAt).not.toBe(later.startedAt);
    expect(await holds('cleo')).toEqual(['pro 1 ACTIVE']);
    const again = await start({ toPackageId: 'pro', at: 'PERIOD_END' });
    const { problems, moved } = await finished(again.id);
    expect(moved).toBe(0);
    expect(problems.map((each: { reason: string }) => each.reason)).toEqual([
      'The same change is scheduled already.',
      'The same change is scheduled already.',
      expect.stringMatching(/^It ends at .*, before it would be moved\.$/),
    ]);
    await publishVersion('pro', 70);
    expect(await finished((await start({ toPackageId: 'pro', at: 'PERIOD_END' })).id)).toMatchObject({
      moved: 2,
    });
    expect(await holds('ada')).toEqual(['pro 1 ACTIVE', 'pro 3 SCHEDULED']);
    const text = 'mutation ($id: String!) { resumeSubscription(id: $id) { status cancelsAt } }';
    expect(await app.ok(text, { id: ada.id })).toEqual({
      resumeSubscription: { status: 'ACTIVE', cancelsAt: null },
    });
    expect(await holds('ada')).toEqual(['pro 1 ACTIVE']);
  });

  it('leaves a scheduled end, a trial and what follows as they are', async () => {
    await subscriber('ada', 'pro', { endedAt: ahead(5) });
    await createUser(db(), { id: 'ben' });
    const trial = `mutation ($ends: DateTime) { subscribe(userId: "ben", packageIds: ["pro"], trialEndsAt: $ends,
      afterTrialPackageId: "flat") { id } }`;
    await app.ok(trial, { ends: ahead(7) });
    expect(await finished((await start()).id)).toMatchObject({ moved: 2 });
    expect(await held('ada')).toMatchObject([{ package: { id: 'basic' }, cancelsAt: expect.any(String) }]);
    const [now, then] = (await held('ben')).sort((a: Held, b: Held) =>
      a.startedAt.localeCompare(b.startedAt),
    );
    expect(now).toMatchObject({ status: 'TRIALING', package: { id: 'basic' } });
    expect(then).toMatchObject({ status: 'SCHEDULED', package: { id: 'flat' }, startedAt: now.cancelsAt });
    expect(now.trialEnd).toBe(now.cancelsAt);
    const cancel = 'mutation ($id: String!) { cancelSubscription(id: $id) { id } }';
    await app.ok(cancel, { id: now.id });
    expect(await held('ben')).toEqual([]);
  });

  it('names add-ons that end, moves add-ons too, and skips what Stripe decides on', async () => {
    await subscriber('ada');
    await createSubscription(db(), { userId: 'ada', packageId: 'seats' });
    await subscriber('ben');
    await db().subscription.updateMany({
      where: { user: { id: 'ben' } },
      data: { provider: 'STRIPE', providerSubscriptionId: 'sub_1' },
    });
    const reason = expect.stringContaining('held at the billing provider');
    expect(await preview()).toMatchObject({
      ...{ total: 2, moving: 1, skipped: 1, skippedUsers: [{ userId: 'ben', reason }] },
      endingAddons: [{ packageId: 'seats', count: 1, package: { id: 'seats', name: 'seats' } }],
    });
    const addons = await start({ fromPackageId: 'seats', toPackageId: 'other-seats' });
    expect(await finished(addons.id)).toMatchObject({ moved: 1 });
    expect(await preview()).toMatchObject({ moving: 1, endingAddons: [] });
    const { problems, ...done } = await finished((await start()).id);
    expect(done).toMatchObject({ moved: 1, skipped: 1, failed: 0 });
    expect(problems).toEqual([{ userId: 'ben', outcome: 'SKIPPED', reason }]);
    expect(await holds('ada')).toEqual(['other-seats 1 ACTIVE', 'basic 1 ACTIVE']);
  });

  it('moves only the named users, and says who is not subscribed', async () => {
    for (const id of ['ada', 'ben']) await subscriber(id);
    await createUser(db(), { id: 'cleo' });
    const input = { userIds: ['cleo', 'ben'] };
    const skippedUsers = [{ userId: 'cleo', reason: 'The user has no subscription to move.' }];
    expect(await preview(input)).toMatchObject({ total: 2, moving: 1, skipped: 1, skippedUsers });
    expect(await finished((await start(input)).id)).toMatchObject({
      total: 2,
      examined: 2,
      moved: 1,
      skipped: 1,
    });
    expect(await holds('ada')).toEqual(['pro 1 ACTIVE']);
    expect(await holds('ben')).toEqual(['basic 1 ACTIVE']);
    expect(await start({ userIds: ['cleo'] })).toMatchObject({ state: 'DONE', total: 1, skipped: 1 });
    expect(await start({ userIds: [] })).toMatchObject({ state: 'DONE', total: 0 });
    expect(await holds('ada')).toEqual(['pro 1 ACTIVE']);
  });

  it("goes on after one user's failure", async () => {
    for (const id of ['ada', 'ben', 'cleo']) await subscriber(id);
    const { key } = await db().user.findFirstOrThrow({ where: { id: 'ben' } });
    await app.database.hot.query(`
      create function refuse_ben() returns trigger language plpgsql as $$ begin
        if new.user_key = ${key} then raise exception 'no' using errcode = 'P0001'; end if; return new; end $$;
      create trigger refuse_ben before insert on subscription for each row execute function refuse_ben()`);
    const done = await finished((await start()).id).finally(() =>
      app.database.hot.query('drop trigger refuse_ben on subscription; drop function refuse_ben()'),
    );
    expect(done).toMatchObject({ state: 'DONE', moved: 2, failed: 1 });
    expect(done.problems).toMatchObject([{ userId: 'ben', outcome: 'FAILED' }]);
    expect(await holds('ben')).toEqual(['pro 1 ACTIVE']);
    expect(await finished((await start()).id)).toMatchObject({ total: 1, moved: 1 });
  });

  it('is one at a time, stops for good, and ends when the target is archived', async () => {
    await subscriber('ada');
    const first = await start();
    expect(await app.fails(startText, inputOf({ toPackageId: 'flat' }))).toMatchObject(
      callerError('CONFLICT', 'MigrationRunningError', expect.stringContaining('"pro" is running') as never),
    );
    const stop = 'mutation ($id: String!) { stopMigration(id: $id) { state examined finishedAt } }';
    const stopped = { stopMigration: { state: 'STOPPED', examined: 0, finishedAt: expect.any(String) } };
    expect(await app.ok(stop, { id: first.id })).toEqual(stopped);
    expect(await app.ok(stop, { id: first.id })).toEqual(stopped);
    await runJob();
    expect(await holds('ada')).toEqual(['pro 1 ACTIVE']);
    const second = await start();
    await app.ok('mutation { archivePackage(id: "basic") { id } }');
    expect(await finished(second.id)).toMatchObject({
      state: 'FAILED',
      problem: 'The package "basic" can no longer be subscribed to at version 1.',
      moved: 0,
    });
  });

  it.each([
    [{ fromPackageId: 'none' }, 'NOT_FOUND', /no package with the id "none"/],
    [{ toVersion: 2 }, 'NOT_FOUND', /"basic" has no version 2/],
    [{ toPackageId: 'seats' }, 'BAD_USER_INPUT', /^input\.toPackageId: must be a base package/],
    [{ toPackageId: 'pro', fromVersion: 1 }, 'BAD_USER_INPUT', /^input\.toVersion: must be another version/],
    [{ userIds: ['nobody'] }, 'NOT_FOUND', /no user with the id "nobody"/],
    [{ userIds: ['a', 'a'] }, 'BAD_USER_INPUT', /^input\.userIds\.1: names a user/],
    [{ toVersion: 0 }, 'BAD_USER_INPUT', /^input\.toVersion: /],
  ])('refuses %j', async (input, code, message) => {
    for (const text of [startText, previewText]) {
      const error = await app.fails(text, inputOf(input));
      expect(error.extensions.code).toBe(code);
      expect(error.message).toMatch(message);
    }
  });
});

describe('subscribeUsers', () => {
  const text = `mutation ($input: [SubscribeUserInput!]!) { subscribeUsers(input: $input) {
    subscriptions { userId status startedAt package { id } } error { name message code } } }`;
  const send = async (input: object[]) => (await app.ok(text, { input })).subscribeUsers;

  it('answers for each user, in order, and one error stops nobody', async () => {
    for (const id of ['ada', 'ben']) await createUser(db(), { id });
    const startsAt = ago(2).toISOString();
    expect(
      await send([
        { userId: 'ada', packageIds: ['seats', 'pro'], startsAt },
        { userId: 'nobody', packageIds: ['pro'] },
        { userId: 'ben', packageIds: [] },
        { userId: 'ben', packageIds: ['basic'] },
        { userId: 'ben', packageIds: ['pro'] },
        { userId: 'ben', packageIds: ['other-seats'] },
      ]),
    ).toEqual([
      {
        error: null,
        subscriptions: ['seats', 'pro'].map((id) => ({
          ...{ userId: 'ada', status: 'ACTIVE', startedAt: startsAt, package: { id } },
        })),
      },
      { subscriptions: [], error: expect.objectContaining({ name: 'UserNotFoundError', code: 'NOT_FOUND' }) },
      {
        subscriptions: [],
        error: {
          name: 'ValidationError',
          code: 'BAD_USER_INPUT',
          message: 'input.2.packageIds: must name at least one package',
        },
      },
      { error: null, subscriptions: [expect.objectContaining({ package: { id: 'basic' } })] },
      {
        subscriptions: [],
        error: {
          ...{
            name: 'SubscriptionError',
            code: 'BAD_USER_INPUT',
            message: 'Cannot subscribe to multiple tiers',
          },
        },
      },
      { error: null, subscriptions: [expect.objectContaining({ package: { id: 'other-seats' } })] },
    ]);
  });

  it('takes up to 1,000 users', async () => {
    const input = Array.from({ length: 1_001 }, () => ({ userId: 'ada', packageIds: ['pro'] }));
    expect(await app.fails(text, { input })).toMatchObject(
      callerError('BAD_USER_INPUT', 'ValidationError', 'input: must have at most 1000 entries'),
    );
    expect(await send([])).toEqual([]);
  });
});
