import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { settleJobs } from '../../src/subscriptions/settle.ts';
import { verify } from '../../src/usage/ledger/verify.ts';
import { rollUp } from '../../src/usage/rollup/rollup.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { callerError } from '../helpers/errors.ts';
import { createFeature, createPackage, createUser } from '../helpers/factories.ts';

/*
 * No job runs here unless a test runs it: answers come from comparing instants. Time passes by moving what lies ahead,
 * in the database, to before now.
 */

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
    'truncate feature, package, "user", subscription, usage_event, usage_counter, usage_hour, feature_hour, usage_rollup cascade',
  );
  for (const id of ['calls', 'mails']) await createFeature(db(), { id });
  const features = (limit: number) => [
    { id: 'calls', limit, resetPeriod: 'MONTH' as const },
    { id: 'mails', limit, resetPeriod: 'DAY' as const },
  ];
  await createPackage(db(), { id: 'free', features: features(10) });
  await createPackage(db(), { id: 'pro', features: features(100) });
  await createPackage(db(), { id: 'yearly', features: [{ id: 'calls', limit: 5, resetPeriod: 'YEAR' }] });
  await createPackage(db(), { id: 'seats', isAddon: true, features: ['mails'] });
  await createPackage(db(), { id: 'pro-support', isAddon: true, features: ['mails'], bases: ['pro'] });
  await createUser(db(), { id: 'ada' });
});

const shown = 'id status startedAt endedAt cancelsAt trialEnd package { id version }';
const subscribeText = `mutation ($packageIds: [String!]!, $startsAt: DateTime, $trialEndsAt: DateTime, $after: String) {
  subscribe(packageIds: $packageIds, userId: "ada", startsAt: $startsAt, trialEndsAt: $trialEndsAt,
    afterTrialPackageId: $after) { ${shown} } }`;
const cancelText = `mutation ($id: String!, $at: DateTime, $atPeriodEnd: Boolean) {
  cancelSubscription(id: $id, at: $at, atPeriodEnd: $atPeriodEnd) { ${shown} } }`;
const resumeText = `mutation ($id: String!) { resumeSubscription(id: $id) { ${shown} } }`;
const changeText = `mutation ($packageId: String!, $at: DateTime, $atPeriodEnd: Boolean, $usage: CarriedUsage) {
  changePackage(userId: "ada", packageId: $packageId, at: $at, atPeriodEnd: $atPeriodEnd, usage: $usage) {
    subscription { ${shown} } replaced { ${shown} } cancelledAddons { package { id } } } }`;

type Options = { startsAt?: Date; trialEndsAt?: Date; after?: string };
const subscribe = async (packageIds: string[], options: Options = {}) =>
  (await app.ok(subscribeText, { packageIds, ...options })).subscribe;
const cancel = async (id: string, options: object = {}) =>
  (await app.ok(cancelText, { id, ...options })).cancelSubscription;
const change = async (packageId: string, options: object = {}) =>
  (await app.ok(changeText, { packageId, ...options })).changePackage;
const record = (delta: number, timestamp?: Date, featureId = 'calls') =>
  app.ok(`mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }`, {
    input: { userId: 'ada', featureId, delta, timestamp },
  });
/** Who wins now, and what is used: the limit tells the package. */
const stands = async (featureId = 'calls') => {
  const text = `query ($featureId: String!) { canUseFeature(userId: "ada", featureId: $featureId) {
    access consumption { used budget } } }`;
  return (await app.ok(text, { featureId })).canUseFeature.consumption;
};
const all = async () => (await app.ok(`query { subscriptions(userId: "ada") { ${shown} } }`)).subscriptions;
const statuses = async () => (await all()).map(({ status }: { status: string }) => status);

/** Lets these days pass: every instant of a subscription, and of usage, lies so much earlier. */
async function pass(days: number) {
  const { hot } = app.database;
  await hot.query(
    `update subscription set started_at = started_at - $1 * interval '1 day', ended_at = ended_at - $1 * interval '1 day',
       trial_end = trial_end - $1 * interval '1 day',
       carried = (select jsonb_object_agg(key, jsonb_build_object(
         'anchor', (value ->> 'anchor')::timestamptz - $1 * interval '1 day',
         'from', (value ->> 'from')::timestamptz - $1 * interval '1 day')) from jsonb_each(carried))`,
    [days],
  );
  await hot.query(`update usage_event set occurred_at = occurred_at - $1 * interval '1 day'`, [days]);
  await hot.query('truncate usage_hour, feature_hour, usage_rollup');
  await hot.query(`update usage_counter set window_start = window_start - $1 * interval '1 day'`, [days]);
}

/** The counters that differ from the ledger, and the hours. */
async function differences() {
  const found: unknown[] = [];
  const note = (difference: unknown) => found.push(difference);
  await rollUp({ pool: app.database.work, stop: new AbortController().signal });
  await verify(app.database.hot, {
    progress: () => undefined,
    counter: note,
    key: note,
    draw: note,
    hold: note,
    hour: note,
    total: note,
  });
  return found;
}
const settle = async () => {
  const [job] = Object.values(settleJobs(db()));
  await job?.({}, { pool: app.database.work, stop: new AbortController().signal } as never);
};

describe('a subscription that starts later', () => {
  it('gives nothing before, and everything from its start on, with every job stopped', async () => {
    const [begun] = await subscribe(['pro'], { startsAt: ahead(3) });
    expect(begun).toMatchObject({ status: 'SCHEDULED', endedAt: null, cancelsAt: null });
    await record(2);
    expect(await stands()).toBeNull();
    await pass(4);
    expect(await statuses()).toEqual(['ACTIVE']);
    await record(3);
    expect(await stands()).toEqual({ used: 3, budget: 100 });
    expect(await differences()).toEqual([]);
    const { subscribedPackages } = (
      await app.http
        .post('/client/graphql')
        .set({ Authorization: app.keys.publicTest, 'X-User-ID': 'ada' })
        .send({ query: '{ currentUser { subscribedPackages { id } } }' })
    ).body.data.currentUser;
    expect(subscribedPackages).toEqual([{ id: 'pro' }]);
  });

  it('is the only base package from then on', async () => {
    await subscribe(['pro'], { startsAt: ahead(3) });
    for (const options of [{}, { startsAt: ahead(1) }, { startsAt: ahead(5) }])
      expect(await app.fails(subscribeText, { packageIds: ['free'], ...options })).toMatchObject(
        callerError('BAD_USER_INPUT', 'SubscriptionError', 'Cannot subscribe to multiple tiers'),
      );
  });

  it('follows one that ends, and never begins when it is cancelled before', async () => {
    const [free] = await subscribe(['free']);
    expect(await cancel(free.id, { at: ahead(2) })).toMatchObject({ status: 'ACTIVE', endedAt: null });
    const [pro] = await subscribe(['pro'], { startsAt: ahead(2) });
    await pass(1);
    expect(await stands()).toMatchObject({ budget: 10 });
    await pass(2);
    expect([await stands(), await statuses()]).toEqual([{ used: 0, budget: 100 }, ['CANCELLED', 'ACTIVE']]);
    await cancel(pro.id);
    const [later] = await subscribe(['free'], { startsAt: ahead(2) });
    expect(await cancel(later.id)).toMatchObject({ status: 'CANCELLED' });
    await pass(3);
    expect(await stands()).toBeNull();
  });
});

describe('a subscription that started earlier', () => {
  it('counts what the ledger holds since then', async () => {
    await record(1, ago(50));
    await record(4, ago(3));
    await record(2, ago(2), 'mails');
    await app.ok(
      `mutation { recordUsage(input: { userId: "ada", featureId: "calls", delta: 5, action: SET }) { recorded } }`,
    );
    await subscribe(['free'], { startsAt: ago(10) });
    expect(await stands()).toEqual({ used: 5, budget: 10 });
    expect(await differences()).toEqual([]);
  });
});

describe('a scheduled end', () => {
  it('is told, counts by its instant, and ends the add-ons too', async () => {
    const [pro, seats] = await subscribe(['pro', 'seats']);
    const told = await cancel(pro.id, { atPeriodEnd: true });
    const end = new Date(told.cancelsAt);
    const month = new Date(pro.startedAt);
    month.setUTCMonth(month.getUTCMonth() + 1);
    expect(Math.abs(end.getTime() - month.getTime())).toBeLessThan(4 * day);
    expect((await all()).find(({ id }: { id: string }) => id === seats.id).cancelsAt).toBe(told.cancelsAt);
    expect(await stands()).toMatchObject({ budget: 100 });
    await pass(40);
    expect([await stands(), await stands('mails'), await statuses()]).toEqual([
      null,
      null,
      ['CANCELLED', 'CANCELLED'],
    ]);
    await settle();
    expect(await db().subscription.count({ where: { status: 'CANCELLED' } })).toBe(2);
    const userKey = (await db().user.findFirstOrThrow()).key;
    const where = { action: 'scheduledChange', authorKind: 'SERVER', userKey } as const;
    expect(await db().auditEntry.count({ where })).toBe(2);
  });

  it('is taken back, and so is what was to follow', async () => {
    const [free] = await subscribe(['free', 'seats']);
    await change('pro', { at: ahead(5) });
    expect(await app.ok(resumeText, { id: free.id })).toMatchObject({
      resumeSubscription: { cancelsAt: null, status: 'ACTIVE' },
    });
    await pass(10);
    expect([await stands(), await statuses()]).toEqual([
      { used: 0, budget: 10 },
      ['ACTIVE', 'ACTIVE', 'CANCELLED'],
    ]);
    expect(await app.fails(resumeText, { id: free.id })).toMatchObject({
      message: `Cannot resume the subscription "${free.id}": it has no scheduled end.`,
    });
  });

  it('cannot lie in the past', async () => {
    const [free] = await subscribe(['free']);
    expect(await app.fails(cancelText, { id: free.id, at: ago(1) })).toMatchObject(
      callerError('BAD_USER_INPUT', 'ValidationError', 'at: must not be in the past'),
    );
  });
});

describe('an add-on and the ends of base packages', () => {
  /** What goes on or is to begin, with its end. */
  const going = async () =>
    Object.fromEntries(
      (await all())
        .filter(({ status }: { status: string }) => status !== 'CANCELLED')
        .map((each: { cancelsAt: string | null; package: { id: string } }) => [
          each.package.id,
          each.cancelsAt,
        ]),
    );
  const resume = (id: string) => app.ok(resumeText, { id });
  const [soon, later] = [ahead(5), ahead(10)];
  const [soonText, laterText] = [soon.toISOString(), later.toISOString()];

  it('ends with its base package, whatever is asked for the add-on', async () => {
    const [base, addon] = await subscribe(['pro', 'seats']);
    await cancel(addon.id, { at: soon });
    await cancel(base.id, { at: later });
    await resume(addon.id);
    expect(await going()).toEqual({ pro: laterText, seats: laterText });
    await cancel(addon.id, { at: soon });
    await cancel(addon.id, { at: ahead(20) });
    expect(await going()).toEqual({ pro: laterText, seats: laterText });
  });

  it('goes on when the change that ended it is replaced by another', async () => {
    await createPackage(db(), { id: 'team', features: ['calls'] });
    await createPackage(db(), { id: 'help', isAddon: true, features: ['mails'], bases: ['free', 'pro'] });
    await subscribe(['free', 'help', 'seats']);
    await change('team', { at: soon });
    expect(await going()).toEqual({ free: soonText, help: soonText, seats: null, team: null });
    await change('pro', { at: soon });
    expect(await going()).toEqual({ free: soonText, help: null, seats: null, pro: null });
    const [free] = await all();
    await resume(free.id);
    expect(await going()).toEqual({ free: null, help: null, seats: null });
    await change('pro', { at: soon });
    await change('team', { at: later });
    expect(await going()).toEqual({
      free: soonText,
      help: laterText,
      seats: null,
      pro: laterText,
      team: null,
    });
    await change('pro');
    expect(await going()).toEqual({ help: null, seats: null, pro: null });
  });

  it('goes on with a base package that is cancelled after a change would have come, and the change never does', async () => {
    const [base] = await subscribe(['pro', 'pro-support']);
    await change('free', { at: soon });
    await change('yearly', { at: ahead(7) });
    await cancel(base.id, { at: later });
    expect(await going()).toEqual({ pro: laterText, 'pro-support': laterText });
    await pass(11);
    await settle();
    expect(await going()).toEqual({});
  });

  it('is merged to a user whose base package ends', async () => {
    await createUser(db(), { id: 'bea' });
    const [base] = await subscribe(['pro']);
    await cancel(base.id, { at: soon });
    await subscribe(['free'], { startsAt: soon });
    await app.ok(`mutation { subscribe(userId: "bea", packageIds: ["pro", "seats", "pro-support"]) { id } }`);
    await app.ok('mutation { mergeUsers(ids: ["ada", "bea"]) { id } }');
    expect(await going()).toEqual({ pro: soonText, seats: null, 'pro-support': soonText, free: null });
  });
});

describe('a trial', () => {
  it('goes on when it is over', async () => {
    expect(await subscribe(['pro'], { trialEndsAt: ahead(14) })).toMatchObject([{ status: 'TRIALING' }]);
    await pass(15);
    expect([await statuses(), await stands()]).toEqual([['ACTIVE'], { used: 0, budget: 100 }]);
  });

  it('becomes another package; add-ons that are not available with it end', async () => {
    await subscribe(['pro', 'seats', 'pro-support'], { trialEndsAt: ahead(14), after: 'free' });
    expect(await stands()).toMatchObject({ budget: 100 });
    await pass(15);
    expect(await stands()).toMatchObject({ budget: 10 });
    expect(await statuses()).toEqual(['CANCELLED', 'ACTIVE', 'CANCELLED', 'ACTIVE']);
    await settle();
    expect(await statuses()).toEqual(['CANCELLED', 'ACTIVE', 'CANCELLED', 'ACTIVE']);
    expect(await differences()).toEqual([]);
  });
});

describe('a change of package', () => {
  it('starts from zero with RESET, and with what was used with CARRY', async () => {
    await subscribe(['free'], { startsAt: ago(40) });
    await record(4);
    await record(3, undefined, 'mails');
    const { replaced, subscription } = await change('pro', { usage: 'CARRY' });
    expect([replaced.status, subscription.status]).toEqual(['CANCELLED', 'ACTIVE']);
    expect([await stands(), await stands('mails')]).toEqual([
      { used: 4, budget: 100 },
      { used: 3, budget: 100 },
    ]);
    await record(1);
    // Usage that is told late falls into the window of both.
    await record(2, ago(1));
    expect(await stands()).toEqual({ used: 7, budget: 100 });
    expect(await differences()).toEqual([]);

    const { showUsage } = await app.ok(
      'query { showUsage(userId: "ada", featureId: "calls") { current { periodStart } past { periodStart } } }',
    );
    expect(showUsage.past).toEqual([]);
    await change('yearly', { usage: 'CARRY' });
    // It does not reset alike.
    expect(await stands()).toEqual({ used: 0, budget: 5 });
    await change('free');
    expect(await stands()).toEqual({ used: 0, budget: 10 });
    expect(await differences()).toEqual([]);
  });

  it('is carried from one to the next, and to a newer version', async () => {
    await subscribe(['free'], { startsAt: ago(3) });
    await record(4);
    await change('pro', { usage: 'CARRY' });
    await app.ok('mutation { createPackageVersion(packageId: "pro") { id } }');
    await app.ok(`mutation { updateDraftPackage(id: "pro", input: {
      features: [{ id: "calls", entitlement: { limit: 500, resetPeriod: MONTH } }] }) { id } }`);
    await app.ok('mutation { publishPackage(id: "pro") { id } }');
    await record(1);
    expect((await change('pro', { usage: 'CARRY' })).subscription.package).toEqual({ id: 'pro', version: 2 });
    expect(await stands()).toEqual({ used: 5, budget: 500 });
    expect(await app.fails(changeText, { packageId: 'pro' })).toMatchObject({
      message: 'Cannot subscribe to a package that the user is already subscribed to.',
    });
    expect(await differences()).toEqual([]);
  });

  it('carries usage over beside top-ups, holds and grants; what top-ups paid before stays paid', async () => {
    await subscribe(['free'], { startsAt: ago(3) });
    const text = `mutation { topUp(input: { userId: "ada", featureId: "calls", amount: 20 }) { id } }`;
    await app.ok(text);
    const consumption = async () =>
      (
        await app.ok(`{ canUseFeature(userId: "ada", featureId: "calls") { consumption {
          used budget remaining topUp { remaining } } } }`)
      ).canUseFeature.consumption;
    const is = (used: number, budget: number, remaining: number, ofTopUp: number) => ({
      ...{ used, budget, remaining, topUp: { remaining: ofTopUp } },
    });
    const past = ago(1);
    await record(2, past);
    await record(10);
    expect(await consumption()).toEqual(is(12, 10, 18, 18));
    await change('pro', { usage: 'CARRY' });
    expect(await consumption()).toEqual(is(12, 100, 106, 18));
    // Beyond the new budget the top-up is drawn from, and a revert gives that back.
    await record(90);
    expect(await consumption()).toEqual(is(102, 100, 16, 16));
    await record(-3);
    expect(await consumption()).toEqual(is(99, 100, 19, 18));
    expect(await differences()).toEqual([]);

    const held = `mutation { reserveUsage(input: { userId: "ada", featureId: "calls", amount: 4 }) { id } }`;
    const { reserveUsage } = await app.ok(held);
    await change('free', { usage: 'CARRY' });
    expect(await consumption()).toEqual(is(99, 10, 14, 18));
    await app.ok('mutation ($id: String!) { commitReservation(id: $id, amount: 1) { recorded } }', {
      id: reserveUsage.id,
    });
    expect(await consumption()).toEqual(is(100, 10, 17, 17));
    // A revert after the change gives back what was drawn after it, then what counts in the budget.
    await record(-2);
    expect(await consumption()).toEqual(is(98, 10, 18, 18));
    await record(-94);
    expect(await consumption()).toEqual(is(4, 10, 24, 18));
    // One of an earlier time also gives back what was drawn then.
    await record(-2, past);
    expect(await consumption()).toEqual(is(2, 10, 28, 20));
    expect(await differences()).toEqual([]);

    await app.ok(`mutation { grantFeature(input: { userId: "ada", featureId: "calls", limit: 50 }) { id } }`);
    expect(await consumption()).toEqual(is(0, 50, 70, 20));
    await change('pro', { usage: 'CARRY' });
    expect(await consumption()).toEqual(is(2, 100, 118, 20));
    expect(await differences()).toEqual([]);
  });

  it('comes later, and carries what is used until then', async () => {
    await subscribe(['free', 'pro-support'].slice(0, 1), { startsAt: ago(3) });
    await record(4);
    const { subscription, replaced } = await change('pro', { at: ahead(2), usage: 'CARRY' });
    expect([subscription.status, replaced.status, replaced.cancelsAt]).toEqual([
      'SCHEDULED',
      'ACTIVE',
      subscription.startedAt,
    ]);
    await record(2);
    expect(await stands()).toEqual({ used: 6, budget: 10 });
    expect(await differences()).toEqual([]);
    await pass(3);
    expect(await stands()).toEqual({ used: 6, budget: 100 });
    await record(1);
    expect(await stands()).toEqual({ used: 7, budget: 100 });
    expect(await differences()).toEqual([]);
  });

  it('at the end of the period starts from zero, and a later one withdraws it', async () => {
    await subscribe(['free'], { startsAt: ago(3) });
    await record(4);
    await change('yearly', { atPeriodEnd: true });
    await change('pro', { atPeriodEnd: true, usage: 'CARRY' });
    await pass(32);
    expect(await stands()).toEqual({ used: 0, budget: 100 });
    expect(await statuses()).toEqual(['CANCELLED', 'CANCELLED', 'ACTIVE']);
    expect(await differences()).toEqual([]);
  });
});

it('cancelling a base package that has not begun leaves add-ons to the one before it, until it was to begin', async () => {
  const at = ahead(10);
  const [, seats] = await subscribe(['free', 'seats']);
  const { subscription } = await change('pro', { at });
  await cancel(subscription.id);
  const ends = async (id: string) =>
    (await db().subscription.findFirstOrThrow({ where: { id: BigInt(id) } })).endedAt;
  expect(await ends(seats.id)).toEqual(at);
  expect(await ends(subscription.id)).toEqual(at);
  expect(
    (await app.ok('{ canUseFeature(userId: "ada", featureId: "mails") { access } }')).canUseFeature,
  ).toEqual({ access: true });
});
