import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { grantFeature, revokeGrant } from '../../src/allowances/grants/change.ts';
import { NewGrant } from '../../src/allowances/grants/rules.ts';
import { topUp, voidTopUp } from '../../src/allowances/top-ups/change.ts';
import { NewTopUp } from '../../src/allowances/top-ups/rules.ts';
import { amountOf, amountOrNull } from '../../src/amount.ts';
import { ownAuthor } from '../../src/audit/rules.ts';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { openPool } from '../../src/database/pool.ts';
import { entitlementOf, type Grant, type Standing } from '../../src/entitlements/rules.ts';
import { createStandingFinder } from '../../src/entitlements/store.ts';
import { windowAt, windowStartAt } from '../../src/entitlements/window-rules.ts';
import { DomainError } from '../../src/errors.ts';
import type { StoredResets } from '../../src/packages/reset-rules.ts';
import {
  cancelSubscription,
  changePackage,
  resumeSubscription,
  subscribe,
} from '../../src/subscriptions/change/change.ts';
import { migrationJobs } from '../../src/subscriptions/migration/jobs.ts';
import { migrationJob, startMigration } from '../../src/subscriptions/migration/migrate.ts';
import { settleJobs } from '../../src/subscriptions/settle.ts';
import { liveStatuses, statusAt } from '../../src/subscriptions/status-rules.ts';
import { statusNowSql } from '../../src/subscriptions/store.ts';
import { balanceOf, type TopUp } from '../../src/usage/draws/rules.ts';
import {
  type CountingGrant,
  type GrantWindow,
  usedAfter,
  windowsOf,
  winnerAt,
} from '../../src/usage/ledger/rules.ts';
import { verify } from '../../src/usage/ledger/verify.ts';
import { createUsageRecorder } from '../../src/usage/record/record.ts';
import { createReservations } from '../../src/usage/reservations/reserve.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { createFeature, createPackage } from '../helpers/factories.ts';

/*
 * Random lives of users: packages of several versions, starts and ends that are scheduled, trials with another package
 * after them, starts in the past, changes and migrations that carry usage over or reset it, grants, top-ups and
 * reservations. The clock of the database is moved: its sessions find now() and clock_timestamp() in a schema of the
 * test first. After every step, and at, before and after instants that lie ahead, what SQL answers must be what the
 * rules answer from the rows. No job writes a status, but where a step runs it, and that must change no answer.
 *
 * RUNS is how many worlds are tried, SEED the first of them.
 */

const runs = Number(process.env.RUNS ?? 2);
const firstSeed = Number(process.env.SEED ?? 16);
const day = 86_400_000;
const environmentId = 'test';
const author = ownAuthor('COMMAND', environmentId);
const featureIds = ['calls', 'mails', 'sso'];
const userIds = Array.from({ length: 10 }, (_, index) => `user-${index}`);
const rounds = 10;

type Terms = Partial<StoredResets> & { limit: number | null; overageEnabled?: boolean };
const monthly = { resetPeriod: 'MONTH' } as const;
const berlin = { resetPeriod: 'MONTH', timeZone: 'Europe/Berlin' } as const;
/** Each package with what its versions contain. Some reset alike, so that usage can be carried over. */
const packages: { id: string; isAddon?: boolean; bases?: string[]; versions: Record<string, Terms>[] }[] = [
  {
    id: 'free',
    versions: [
      { calls: { limit: 10, ...monthly }, mails: { limit: 5, resetPeriod: 'DAY' } },
      { calls: { limit: 20, ...monthly }, mails: { limit: 5, resetPeriod: 'DAY' }, sso: { limit: null } },
      { calls: { limit: 5, ...monthly } },
    ],
  },
  {
    id: 'pro',
    versions: [
      { calls: { limit: 40, ...monthly }, mails: { limit: 30, resetPeriod: 'DAY' }, sso: { limit: null } },
      { calls: { limit: 60.5, ...monthly }, mails: { limit: 30, resetPeriod: 'WEEK', resetEvery: 2 } },
      { calls: { limit: 15, ...monthly, overageEnabled: true }, mails: { limit: null, resetPeriod: 'DAY' } },
    ],
  },
  {
    id: 'calendar',
    versions: [
      { calls: { limit: 25, ...berlin }, mails: { limit: 12, resetPeriod: null } },
      { calls: { limit: 12, ...berlin }, mails: { limit: 40, resetPeriod: null } },
    ],
  },
  {
    id: 'extra',
    isAddon: true,
    versions: [{ calls: { limit: 50, ...monthly } }, { calls: { limit: 8, ...monthly } }],
  },
  {
    id: 'pro-extra',
    isAddon: true,
    bases: ['pro'],
    versions: [{ mails: { limit: 60, resetPeriod: 'DAY' } }],
  },
];
const bases = packages.filter(({ isAddon }) => !isAddon).map(({ id }) => id);
const idsOfPackages = packages.map(({ id }) => id);

/** An instant relative to now, in milliseconds; null is none. */
const ahead = fc.option(fc.integer({ min: 1, max: 40 * day }));
const around = fc.option(fc.integer({ min: -40 * day, max: 30 * day }));
const usage = fc.constantFrom<'RESET' | 'CARRY'>('RESET', 'CARRY', 'CARRY');
const when = fc.oneof(
  fc.constant({ ahead: null, atPeriodEnd: false }),
  fc.record({ ahead, atPeriodEnd: fc.constant(false) }),
  fc.constant({ ahead: null, atPeriodEnd: true }),
);
const amount = fc.integer({ min: 1, max: 30 });
const featureId = fc.constantFrom('calls', 'calls', 'mails');
const record = fc.record({
  kind: fc.constant('record' as const),
  featureId,
  action: fc.constantFrom<'ADD' | 'SET'>('ADD', 'ADD', 'ADD', 'SET'),
  delta: fc.integer({ min: -12, max: 25 }),
  ago: fc.option(fc.integer({ min: 0, max: 45 * day }), { freq: 2 }),
  enforce: fc.constantFrom(false, false, true),
});
const step = fc.oneof(
  { weight: 6, arbitrary: record },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('subscribe' as const),
      packageIds: fc.uniqueArray(fc.constantFrom(...idsOfPackages), { minLength: 1, maxLength: 2 }),
      starts: around,
      trial: fc.option(fc.integer({ min: 1, max: 20 * day }), { freq: 2 }),
      after: fc.option(fc.constantFrom(...bases)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      packageId: fc.constantFrom(...bases),
      when,
      usage,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(9), when }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resume' as const), which: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('topUp' as const),
      featureId,
      amount,
      ahead,
      priority: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('voidTopUp' as const), which: fc.nat(9) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('grant' as const),
      featureId: fc.constantFrom(...featureIds),
      limit: fc.constantFrom(null, 7, 45),
      starts: around,
      ends: ahead,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke' as const), which: fc.nat(9) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      featureId,
      amount,
      seconds: fc.integer({ min: 1, max: 86_400 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('commit' as const), which: fc.nat(9), amount }) },
);
type Sampled<A> = A extends fc.Arbitrary<infer Each> ? Each : never;
type Step = Sampled<typeof step>;

/** What happens to everybody in a round, before the steps of users, and how the clock goes on after them. */
const turn = fc.record({
  publish: fc.option(fc.constantFrom(...idsOfPackages), { freq: 2 }),
  migration: fc.option(
    fc.record({
      from: fc.constantFrom(...idsOfPackages),
      to: fc.constantFrom(...idsOfPackages),
      version: fc.option(fc.constantFrom(1, 2, 3)),
      at: fc.constantFrom<'NOW' | 'PERIOD_END'>('NOW', 'PERIOD_END'),
      usage,
    }),
    { freq: 2 },
  ),
  settles: fc.constantFrom(false, false, true),
  /** To an instant that lies ahead, and so many milliseconds beyond it; or by so many. */
  jump: fc.oneof(
    fc.record({ to: fc.nat(99), beyond: fc.constantFrom(-1, 0, 1, 5_000) }),
    fc.record({ to: fc.constant(null), beyond: fc.integer({ min: 1, max: 20 * day }) }),
  ),
  steps: fc.array(fc.option(step, { freq: 8 }), { minLength: userIds.length, maxLength: userIds.length }),
});
type Turn = Sampled<typeof turn>;
const world = fc.record({
  /** Most begin with a package. */
  firsts: fc.array(fc.record({ base: fc.option(fc.constantFrom(...bases), { freq: 7 }), starts: around }), {
    minLength: userIds.length,
    maxLength: userIds.length,
  }),
  turns: fc.array(turn, { minLength: rounds, maxLength: rounds }),
});

let testDatabase: TestDatabase;
let database: Database;
let jobs: Pool;
let now = 0;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  jobs = openPool({ connectionString: testDatabase.url, application_name: 'open-kana jobs' }).pool;
  await database.hot.query(`
    create schema clock;
    create table clock.instant (at timestamptz not null);
    insert into clock.instant values (date_trunc('milliseconds', pg_catalog.now()));
    create function clock.now() returns timestamptz language sql stable as 'select at from clock.instant';
    create function clock.clock_timestamp() returns timestamptz language sql stable as 'select at from clock.instant'`);
  for (const pool of [jobs, ...Object.values(database.pools)])
    pool.on('connect', (client) => void client.query('set search_path = clock, pg_catalog, public'));
  // The connection that is open already.
  await database.hot.query('set search_path = clock, pg_catalog, public');
  await database.prisma.environment.create({ data: { id: environmentId, appId: 'test_app' } });
});

afterAll(async () => {
  await database.close();
  await jobs.end();
  await testDatabase.drop();
});

async function setClock(ms: number) {
  await database.hot.query('update clock.instant set at = $1', [new Date(ms)]);
}

async function begin(firsts: Sampled<typeof world>['firsts']) {
  await database.hot.query(
    'truncate feature, package, "user", subscription, usage_event, usage_counter, usage_hour, subscriber_migration, audit_entry cascade',
  );
  now = Math.max(now, Date.now()) + 100 * day;
  await setClock(now);
  const { prisma } = database;
  for (const id of featureIds)
    await createFeature(prisma, id === 'sso' ? { id, type: 'BINARY' } : { id, precision: 2 });
  for (const { versions, ...facts } of packages) {
    await createPackage(prisma, facts);
    await prisma.packageFeature.createMany({
      data: versions.flatMap((features, index) =>
        Object.entries(features).map(([id, terms], position) => ({
          ...{ environmentId, packageId: facts.id, version: index + 1, featureId: id, name: id, position },
          ...terms,
        })),
      ),
    });
    for (const [index] of versions.entries())
      if (index > 0)
        await prisma.packageBase.createMany({
          data: (facts.bases ?? []).map((baseId) => ({
            ...{ environmentId, addonId: facts.id, version: index + 1, baseId },
          })),
        });
  }
  await prisma.user.createMany({ data: userIds.map((id) => ({ environmentId, id })) });
  for (const [index, { base, starts }] of firsts.entries())
    if (base !== null)
      await subscribe(prisma, author, userIds[index] ?? '', {
        packageIds: [base],
        startsAt: instant(starts),
      });
  now += 2;
  await setClock(now);
}

/** Every row that an answer depends on. */
async function load() {
  const { prisma } = database;
  const features = await prisma.packageFeature.findMany();
  const subscriptions = (await prisma.subscription.findMany({ orderBy: { id: 'asc' } })).map((row) => ({
    ...row,
    features: features.filter(
      ({ packageId, version }) => packageId === row.packageId && version === row.packageVersion,
    ),
  }));
  return {
    subscriptions,
    grants: await prisma.featureGrant.findMany({ orderBy: { id: 'asc' } }),
    topUps: await prisma.topUp.findMany({ orderBy: { id: 'asc' } }),
    reservations: await prisma.reservation.findMany({ orderBy: { id: 'asc' } }),
    events: await prisma.usageEvent.findMany({ orderBy: { id: 'asc' } }),
    keys: new Map((await prisma.user.findMany()).map(({ id, key }) => [id, key])),
  };
}
type Rows = Awaited<ReturnType<typeof load>>;
type SubscriptionRow = Rows['subscriptions'][number];

const isLiveAt = (row: SubscriptionRow, at: Date) => liveStatuses.some((live) => live === statusAt(row, at));

/** What a subscription gives of a feature, with the windows that it carried over. */
function holdingOf(row: SubscriptionRow, id: string, at: Date): CountingGrant | null {
  const feature = row.features.find((each) => each.featureId === id);
  if (feature === undefined) return null;
  const { limit, resetPeriod, resetEvery, timeZone, overageEnabled } = feature;
  const over = (row.carried as Record<string, { anchor: string; from: string }> | null)?.[id];
  return {
    ...{ kind: 'SUBSCRIPTION', subscriptionId: row.id, limit: amountOrNull(limit), overageEnabled },
    ...{ resetPeriod, resetEvery, timeZone },
    anchor: over === undefined ? row.startedAt : new Date(over.anchor),
    startedAt: over === undefined ? row.startedAt : new Date(over.from),
    endedAt: row.endedAt,
    live: isLiveAt(row, at),
  };
}

function holdingsOf(rows: Rows, userKey: bigint, id: string, at: Date): CountingGrant[] {
  const ofPackages = rows.subscriptions
    .filter((row) => row.userKey === userKey)
    .flatMap((row) => holdingOf(row, id, at) ?? []);
  const granted = rows.grants
    .filter((row) => row.userKey === userKey && row.featureId === id)
    .map(
      ({
        id: subscriptionId,
        startsAt,
        endsAt,
        limit,
        resetPeriod,
        resetEvery,
        overageEnabled,
      }): CountingGrant => ({
        ...{
          kind: 'GRANT',
          subscriptionId,
          limit: amountOrNull(limit),
          overageEnabled,
          resetPeriod,
          resetEvery,
        },
        ...{ timeZone: null, anchor: startsAt, startedAt: startsAt, endedAt: endsAt, live: true },
      }),
    );
  return [...ofPackages, ...granted];
}

const topUpOf = ({ createdAt, amount: all, remaining, ...row }: Rows['topUps'][number]): TopUp => ({
  ...row,
  ...{ startsAt: createdAt, amount: amountOf(all), remaining: amountOf(remaining) },
});

/** What the ledger adds up to by the rules, by window; see nameOf. It does not depend on which holdings are live. */
const folded = new WeakMap<Rows, Map<string, bigint>>();

function foldByRules(rows: Rows): Map<string, bigint> {
  const known = folded.get(rows);
  if (known !== undefined) return known;
  const used = new Map<string, bigint>();
  folded.set(rows, used);
  const holdings = new Map<string, CountingGrant[]>();
  for (const { userKey, featureId: id, action, delta, occurredAt } of rows.events) {
    const owner = `${userKey} ${id}`;
    const own = holdings.get(owner) ?? holdingsOf(rows, userKey, id, new Date(now));
    holdings.set(owner, own);
    for (const counted of windowsOf(own, occurredAt)) {
      const name = nameOf(id, counted);
      used.set(name, usedAfter(used.get(name) ?? 0n, { action, delta: amountOf(delta ?? 1) }));
    }
  }
  return used;
}

const nameOf = (id: string, { grant, windowStart }: GrantWindow) =>
  `${grant.subscriptionId} ${id} ${windowStart.getTime()}`;

/** Where a user stands at an instant, by the rules. */
function standingByRules(rows: Rows, userId: string, id: string, at: Date): Standing {
  const userKey = rows.keys.get(userId) as bigint;
  const winner = winnerAt(holdingsOf(rows, userKey, id, at), at);
  const mine = <Row extends { userKey: bigint; featureId: string }>(all: Row[]) =>
    all.filter((row) => row.userKey === userKey && row.featureId === id);
  const topUps = balanceOf(mine(rows.topUps).map(topUpOf), at);
  const open = mine(rows.reservations).filter(
    ({ committed, releasedAt, expiresAt }) => committed === null && releasedAt === null && expiresAt > at,
  );
  return {
    featureType: id === 'sso' ? 'BINARY' : 'CONSUMABLE',
    precision: id === 'sso' ? 0 : 2,
    grant: winner && asGrant(winner.grant),
    used: (winner && foldByRules(rows).get(nameOf(id, winner))) ?? 0n,
    ...(topUps && { topUp: topUps }),
    ...(open.length > 0 && { held: open.reduce((sum, each) => sum + amountOf(each.amount), 0n) }),
  };
}

const asGrant = ({
  kind,
  subscriptionId,
  startedAt,
  limit,
  anchor,
  resetPeriod,
  resetEvery,
  timeZone,
  overageEnabled,
}: Grant): Grant => ({
  ...{ kind, subscriptionId, startedAt, limit, anchor, resetPeriod, resetEvery, timeZone, overageEnabled },
});

/** What the answer says, the window too. */
const answerOf = ({ held = 0n, ...standing }: Standing, at: Date) => ({
  ...standing,
  held,
  window: standing.grant && windowAt(standing.grant, at),
  ...entitlementOf({ ...standing, held }, amountOf(3)),
});

async function answersInSql(at: Date) {
  const findStanding = createStandingFinder(database.hot);
  const standings = await Promise.all(
    userIds.flatMap((userId) =>
      featureIds.map((id) => findStanding({ environmentId, userId, featureId: id })),
    ),
  );
  return standings.map((standing) => answerOf(standing, at));
}

const answersByRules = (rows: Rows, at: Date) =>
  userIds.flatMap((userId) => featureIds.map((id) => answerOf(standingByRules(rows, userId, id, at), at)));

/** What SQL and the rules disagree on at an instant. */
async function disagreements(rows: Rows, ms: number) {
  const at = new Date(ms);
  await setClock(ms);
  const inSql = await answersInSql(at);
  count('instants compared');
  const byRules = answersByRules(rows, at);
  const names = userIds.flatMap((userId) => featureIds.map((id) => `${userId} ${id}`));
  const { rows: statuses } = await database.hot.query<{ id: string; status: string }>(
    `select id, ${statusNowSql('s')} as status from subscription s order by id`,
  );
  return [
    ...names.flatMap((name, index) =>
      isSame(inSql[index], byRules[index])
        ? []
        : [{ at, name, sql: inSql[index], rules: byRules[index], held: heldOf(rows, name) }],
    ),
    ...rows.subscriptions.flatMap((row, index) =>
      statuses[index]?.status === statusAt(row, at) ? [] : [{ at, row, status: statuses[index] }],
    ),
  ];
}

const textOf = (value: unknown) =>
  JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each));
const sorted = (value: object) =>
  Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
const isSame = (a: object | undefined, b: object | undefined) =>
  textOf(a && normal(a)) === textOf(b && normal(b));
const normal = (answer: object) =>
  sorted({ ...answer, ...('grant' in answer && answer.grant ? { grant: sorted(answer.grant) } : {}) });

function heldOf(rows: Rows, name: string) {
  const userKey = rows.keys.get(name.split(' ')[0] ?? '');
  return rows.subscriptions.filter((row) => row.userKey === userKey).map(({ features: _, ...row }) => row);
}

/** The instants that lie ahead: starts, ends, trials, windows, top-ups, grants and reservations. */
function instantsAhead(rows: Rows): number[] {
  const at = new Date(now);
  const ends = userIds.flatMap((userId) =>
    featureIds.flatMap((id) =>
      holdingsOf(rows, rows.keys.get(userId) as bigint, id, at).flatMap(
        (holding) => windowAt(holding, at).end ?? [],
      ),
    ),
  );
  const all = [
    ...rows.subscriptions.flatMap(({ startedAt, endedAt, trialEnd }) => [startedAt, endedAt, trialEnd]),
    ...rows.grants.flatMap(({ startsAt, endsAt }) => [startsAt, endsAt]),
    ...rows.topUps.map(({ expiresAt }) => expiresAt),
    ...rows.reservations.map(({ expiresAt }) => expiresAt),
    ...ends,
  ];
  const later = all.flatMap((each) => (each !== null && each.getTime() > now ? [each.getTime()] : []));
  return [...new Set(later)].sort((a, b) => a - b);
}

/** What is carried over from one subscription to the one in its place, by the rules; null is nothing. */
function carriedByRules(from: SubscriptionRow, to: SubscriptionRow) {
  const at = to.startedAt;
  const carried = to.features.flatMap(({ featureId: id, resetPeriod, resetEvery, timeZone }) => {
    const before = holdingOf(from, id, at);
    const isAlike =
      before?.resetPeriod === resetPeriod && before.resetEvery === resetEvery && before.timeZone === timeZone;
    if (before === null || !isAlike) return [];
    const start = windowStartAt(before, at);
    const counts = start > before.startedAt ? start : before.startedAt;
    return [[id, { anchor: before.anchor.getTime(), from: counts.getTime() }] as const];
  });
  return carried.length === 0 ? null : sorted(Object.fromEntries(carried));
}

const storedCarried = ({ carried }: SubscriptionRow) =>
  carried === null
    ? null
    : sorted(
        Object.fromEntries(
          Object.entries(carried as Record<string, { anchor: string; from: string }>).map(([id, each]) => [
            id,
            { anchor: new Date(each.anchor).getTime(), from: new Date(each.from).getTime() },
          ]),
        ),
      );

const counts: Record<string, number> = {};
const count = (name: string) => {
  counts[name] = (counts[name] ?? 0) + 1;
};

/** Runs what a rule may refuse. */
async function unlessRefused(name: string, work: () => Promise<unknown>) {
  try {
    await work();
    count(name);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    count(`${name}, refused`);
  }
}

const instant = (ms: number | null) => (ms === null ? null : new Date(now + ms));

/** The id of one of a user's rows. */
function pick(all: { userKey: bigint; id: bigint }[], userKey: bigint, which: number): bigint | null {
  const own = all.filter((row) => row.userKey === userKey);
  return own[which % Math.max(own.length, 1)]?.id ?? null;
}

const whenOf = ({ ahead: ms, atPeriodEnd }: { ahead: number | null; atPeriodEnd: boolean }) => ({
  at: instant(ms),
  atPeriodEnd,
});

/** What a step does. A number, to pick a row, becomes nothing where there is none. */
type Steps = {
  [Kind in Step['kind']]: (
    userId: string,
    each: Extract<Step, { kind: Kind }>,
    picked: (all: { userKey: bigint; id: bigint }[]) => bigint | null,
    rows: Rows,
  ) => Promise<unknown> | undefined;
};

const steps: Steps = {
  async record(userId, { featureId: id, action, delta, ago, enforce }) {
    const [recorded] = await createUsageRecorder(database.hot)(
      [
        {
          ...{ environmentId, userId, featureId: id, action, enforce, source: 'API', idempotencyKey: null },
          delta: amountOf(action === 'SET' ? Math.abs(delta) : delta),
          timestamp: ago === null ? null : new Date(now - ago),
        },
      ],
      { withStanding: true },
    );
    if (recorded instanceof Error) throw recorded;
    if (!recorded?.recorded) count('record, not allowed');
  },
  subscribe: (userId, { packageIds, starts, trial, after }) =>
    subscribe(database.prisma, author, userId, {
      packageIds,
      startsAt: instant(starts),
      trialEndsAt: trial === null ? null : new Date(now + Math.max(starts ?? 0, 0) + trial),
      afterTrialPackageId: trial === null ? null : after,
    }),
  change: (userId, { packageId, when: at, usage: carried }) =>
    changePackage(database.prisma, author, userId, { packageId, when: whenOf(at), usage: carried }),
  cancel(_, { when: at }, picked, rows) {
    const id = picked(rows.subscriptions);
    return id === null ? undefined : cancelSubscription(database.prisma, author, id, whenOf(at));
  },
  resume(_, __, picked, rows) {
    const id = picked(rows.subscriptions);
    return id === null ? undefined : resumeSubscription(database.prisma, author, id);
  },
  topUp: (userId, { featureId: id, amount: of, ahead: ms, priority }) =>
    topUp(
      database.prisma,
      author,
      NewTopUp.parse({ userId, featureId: id, amount: of, priority, expiresAt: instant(ms) }),
    ),
  voidTopUp(_, __, picked, rows) {
    const id = picked(rows.topUps);
    return id === null ? undefined : voidTopUp(database.prisma, author, id, null);
  },
  grant(userId, { featureId: id, limit, starts, ends }) {
    const terms = id === 'sso' ? {} : { limit, ...monthly };
    const span = { startsAt: instant(starts), endsAt: instant(ends) };
    return grantFeature(
      database.prisma,
      author,
      NewGrant.parse({ userId, featureId: id, ...terms, ...span }),
    );
  },
  revoke(_, __, picked, rows) {
    const id = picked(rows.grants);
    return id === null ? undefined : revokeGrant(database.prisma, author, id, null);
  },
  reserve: (userId, { featureId: id, amount: of, seconds: ttlSeconds }) =>
    createReservations(database.hot).reserve(
      environmentId,
      { userId, featureId: id, amount: amountOf(of), ttlSeconds, idempotencyKey: null },
      '',
    ),
  commit(_, { amount: of }, picked, rows) {
    const id = picked(rows.reservations);
    return id === null
      ? undefined
      : createReservations(database.hot).commit(environmentId, id, {
          amount: amountOf(of),
          key: null,
          byHandOf: null,
        });
  },
};

function run<Kind extends Step['kind']>(
  userId: string,
  rows: Rows,
  each: Extract<Step, { kind: Kind }> & { kind: Kind },
) {
  const picked = (all: { userKey: bigint; id: bigint }[]) =>
    pick(all, rows.keys.get(userId) as bigint, 'which' in each ? (each.which as number) : 0);
  const what = 'usage' in each ? `${each.kind} ${each.usage}` : each.kind;
  return unlessRefused(what, async () => steps[each.kind](userId, each, picked, rows));
}

async function publish(id: string) {
  const versions = packages.find((each) => each.id === id)?.versions.length ?? 1;
  const where = { environmentId_id: { environmentId, id } };
  const { version } = await database.prisma.package.findUniqueOrThrow({ where });
  if (version < versions) await database.prisma.package.update({ where, data: { version: version + 1 } });
}

const silent = { log: pino({ level: 'silent' }), stop: new AbortController().signal };

async function settleAll() {
  for (const job of Object.values(settleJobs(database.prisma))) await job({}, { pool: jobs, ...silent });
}

async function migrate({ from, to, version, at, usage: carried }: NonNullable<Turn['migration']>) {
  const { prisma } = database;
  await unlessRefused(`migration ${carried}`, async () => {
    const input = {
      fromPackageId: from,
      fromVersion: version,
      toPackageId: to,
      toVersion: null,
      userIds: null,
    };
    const id = await startMigration(prisma, author, { ...input, at, usage: carried });
    const where = { environmentId_id: { environmentId, id } };
    while ((await prisma.subscriberMigration.findUniqueOrThrow({ where })).state === 'RUNNING')
      await migrationJobs(prisma)[migrationJob]?.({ environmentId }, { pool: jobs, ...silent });
    const { failed, moved, problem } = await prisma.subscriberMigration.findUniqueOrThrow({ where });
    expect({ failed, problem }).toEqual({ failed: 0, problem: null });
    for (let each = 0; each < moved; each += 1) count(`moved ${at} ${carried}`);
  });
}

async function differences() {
  const found: unknown[] = [];
  const note = (difference: unknown) => found.push(difference);
  const ignore = () => undefined;
  await verify(database.hot, {
    progress: ignore,
    counter: note,
    key: note,
    draw: note,
    hold: note,
    hour: note,
    total: ignore,
  });
  return found;
}

/** Checks what the subscriptions that took the place of others since `before` carry over. */
function checkCarried(
  before: Rows,
  after: Rows,
  usageOf: (userKey: bigint) => 'RESET' | 'CARRY' | undefined,
) {
  const known = new Set(before.subscriptions.map(({ id }) => id));
  for (const row of after.subscriptions) {
    if (known.has(row.id) || row.followsId === null) continue;
    // The one before, as it was when usage was carried over.
    const from =
      before.subscriptions.find(({ id }) => id === row.followsId) ??
      after.subscriptions.find(({ id }) => id === row.followsId);
    const isCarried = usageOf(row.userKey) === 'CARRY';
    expect({ id: row.id, carried: storedCarried(row) }).toEqual({
      id: row.id,
      carried: isCarried && from !== undefined ? carriedByRules(from, row) : null,
    });
  }
}

async function runRound(each: Turn) {
  if (each.publish !== null) await publish(each.publish);
  const start = await load();
  if (each.migration !== null) {
    await migrate(each.migration);
    now += 2;
    await setClock(now);
    checkCarried(start, await load(), () => each.migration?.usage);
  }
  const before = await load();
  await Promise.all(
    each.steps.flatMap((own, index) => (own === null ? [] : [run(userIds[index] ?? '', before, own)])),
  );
  now += 2;
  await setClock(now);
  let rows = await load();
  const taken = new Map(userIds.map((id, index) => [rows.keys.get(id), each.steps[index]]));
  checkCarried(before, rows, (userKey) => {
    const own = taken.get(userKey);
    return own?.kind === 'change' ? own.usage : undefined;
  });
  expect(await disagreements(rows, now)).toEqual([]);
  if (each.settles) {
    await settleAll();
    now += 2;
    await setClock(now);
    rows = await load();
    expect(await disagreements(rows, now)).toEqual([]);
  }
  const instants = instantsAhead(rows);
  for (const at of instants.filter((_, index) => index === 0 || index % 11 === 5).slice(0, 4))
    for (const ms of [at - 1, at, at + 1]) if (ms >= now) expect(await disagreements(rows, ms)).toEqual([]);
  const { to, beyond } = each.jump;
  const target = to === null ? undefined : instants[to % Math.max(instants.length, 1)];
  now = Math.max(now + 2, target === undefined ? now + Math.abs(beyond) : target + beyond);
  await setClock(now);
}

it.each(Array.from({ length: runs }, (_, index) => firstSeed + index))(
  'SQL answers what the rules answer, whatever happened to the subscriptions and whenever (seed %i)',
  async (seed) => {
    const [{ firsts, turns }] = fc.sample(world, { seed, numRuns: 1 }) as [Sampled<typeof world>];
    await begin(firsts);
    for (const each of turns) await runRound(each);
    expect(await differences()).toEqual([]);
    await settleAll();
    expect(await differences()).toEqual([]);
  },
);

afterAll(() => {
  if (process.env.RUNS !== undefined) process.stderr.write(`${JSON.stringify(counts)}\n`);
});
