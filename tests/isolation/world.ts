import type { Database } from '../../src/database/client.ts';
import type { PrismaClient } from '../../src/database/generated/client.ts';
import { testEncryption } from '../helpers/app.ts';

/** The ids of a world: one of everything that can be named. */
export interface Names {
  user: string;
  /** A user with the same email as the first one. */
  twin: string;
  /** A user who has nothing yet. */
  newcomer: string;
  feature: string;
  /** A feature that no package contains. */
  looseFeature: string;
  base: string;
  otherBase: string;
  draft: string;
  addon: string;
  price: string;
  subscription: string;
  /** One whose end is scheduled. */
  endingSubscription: string;
  /** The newer of two migrations: it runs. */
  migration: string;
  grant: string;
  topUp: string;
  reservation: string;
  /** The older of two events of the user. */
  usageEvent: string;
  rule: string;
  event: string;
  /** What the events are called, and a property of theirs. */
  happening: string;
  apiKey: string;
  /** A member of both environments, where both have this world. */
  member: string;
  /** A member of this environment alone. */
  colleague: string;
  invitation: string;
  /** The older of two sessions of the console. */
  session: string;
  /** The newest entry of the audit log. */
  auditEntry: string;
  /** The first user's, and the twin's. */
  email: string;
  /** Of a user whom a billing provider brought: the id and the email are the same. */
  imported: string;
  billingId: string;
  webhook: string;
  /** What the webhook was told. */
  delivery: string;
  /** What the environment bills with at Stripe. */
  customer: string;
  providerPrice: string;
  freePrice: string;
  template: string;
}

const nameWords = {
  user: 'user',
  twin: 'twin',
  newcomer: 'newcomer',
  feature: 'feature',
  looseFeature: 'loose-feature',
  base: 'base',
  otherBase: 'other-base',
  draft: 'draft',
  addon: 'addon',
  price: 'price',
  rule: 'rule',
  event: 'event',
  happening: 'happening',
  email: 'mail@example.com',
  imported: 'imported@example.com',
  billingId: 'billing',
  webhook: 'webhook',
  customer: 'customer',
  providerPrice: 'provider-price',
  freePrice: 'free-price',
  template: 'template',
};

/** The ids that begin with `prefix`, of a world that is not made. */
export function namesOf(prefix: string): Names {
  const words = Object.entries(nameWords).map(([name, word]) => [name, `${prefix}${word}`]);
  return {
    ...(Object.fromEntries(words) as Omit<
      Names,
      | 'subscription'
      | 'endingSubscription'
      | 'migration'
      | 'grant'
      | 'topUp'
      | 'reservation'
      | 'usageEvent'
      | 'apiKey'
      | 'member'
      | 'colleague'
      | 'invitation'
      | 'session'
      | 'auditEntry'
      | 'delivery'
    >),
    subscription: '987654321',
    endingSubscription: '987654325',
    migration: '987654326',
    grant: '987654322',
    topUp: '987654323',
    reservation: '987654324',
    usageEvent: '987654325',
    apiKey: '01890000-0000-7000-8000-000000000000',
    member: `01890000-0000-7000-8000-${Buffer.from(prefix).toString('hex').padStart(12, '0')}`,
    colleague: '01890000-0000-7000-8000-100000000000',
    invitation: '01890000-0000-7000-8000-200000000000',
    session: `${prefix}session`,
    auditEntry: '987654321',
    delivery: '987654321',
  };
}

/** What stands in every text that is no id, and in every number, of what an environment holds. */
export interface Secret {
  word: string;
  used: number;
  limit: number;
  lastFour: string;
}
export const secrets = {
  test: { word: 'SECRET-OF-TEST', used: 711_117, limit: 822_228, lastFour: 'T35t' },
  live: { word: 'SECRET-OF-LIVE', used: 733_337, limit: 844_448, lastFour: 'L1v3' },
} as const;

/** Whether an answer tells anything that an environment keeps. */
export function reveals(answer: unknown, { word, used, limit, lastFour }: Secret): boolean {
  return new RegExp(`${word}|${used}|${limit}|${lastFour}`).test(JSON.stringify(answer));
}

/** An answer without the moment at which it was asked for. */
export const timeless = (answer: unknown): unknown =>
  JSON.parse(JSON.stringify(answer, (key, value) => (key === 'asOf' ? 'then' : value)));

/** Makes one of everything, with ids that begin with `prefix`; answers the ids. */
export async function createWorld(
  db: PrismaClient,
  environmentId: 'test' | 'live',
  prefix: string,
): Promise<Names> {
  const names = namesOf(prefix);
  const { word, used, limit, lastFour } = secrets[environmentId];
  const secret = { name: word, metadata: { word } };
  const units = { unitLabel: word, unitLabelPlural: word };
  const consumable = { environmentId, type: 'CONSUMABLE', ...secret, ...units } as const;
  await db.feature.createMany({
    data: [
      { ...consumable, id: names.feature },
      { ...consumable, id: names.looseFeature },
    ],
  });
  const granted = { featureId: names.feature, name: word, position: 0, limit, resetPeriod: 'YEAR' } as const;
  const price = { id: names.price, provider: word, amount: limit, currency: 'gbp', interval: word };
  for (const [id, facts] of Object.entries({
    [names.base]: { status: 'PUBLISHED', prices: { create: price } },
    [names.otherBase]: { status: 'PUBLISHED' },
    [names.draft]: { status: 'DRAFT' },
    [names.addon]: { status: 'PUBLISHED', isAddon: true, bases: { create: { baseId: names.base } } },
  } as const)) {
    await db.package.create({
      data: { environmentId, id, ...secret, ...facts, features: { create: granted } },
    });
  }
  const person = { environmentId, ...secret, email: names.email };
  const user = await db.user.create({ data: { ...person, id: names.user } });
  await db.user.createMany({
    data: [
      { ...person, id: names.twin, billingId: names.billingId },
      { ...person, id: names.newcomer, email: null },
      { ...person, id: names.imported, email: names.imported, imported: true },
    ],
  });
  const subscription = await db.subscription.create({
    data: { environmentId, userKey: user.key, packageId: names.base, isAddon: false, startedAt: new Date() },
  });
  const ending = await db.subscription.create({
    data: {
      environmentId,
      userKey: user.key,
      packageId: names.addon,
      isAddon: true,
      startedAt: new Date(),
      endedAt: new Date('2040-01-01T00:00:00Z'),
    },
  });
  const usage = { environmentId, userKey: user.key, featureId: names.feature };
  const event = { ...usage, action: 'ADD', delta: used, note: word, occurredAt: new Date() } as const;
  const { id: usageEvent, ...recorded } = await db.usageEvent.create({ data: event });
  await db.usageSum.create({ data: { ...recorded, id: usageEvent } });
  const { id: keyedEvent } = await db.usageEvent.create({
    data: { ...event, delta: 0, idempotencyKey: 'key' },
  });
  const { userKey, featureId, action } = event;
  await db.usageKey.create({
    data: { userKey, idempotencyKey: 'key', eventId: keyedEvent, environmentId, featureId, action, delta: 0 },
  });
  await db.usageCounter.create({
    data: { ...usage, subscriptionId: subscription.id, windowStart: subscription.startedAt, used },
  });
  const owner = { environmentId, userKey: user.key, featureId: names.feature };
  const grant = await createGrant(db, owner);
  await createGrant(db, owner);
  await createUseOverLimit(db, { ...owner, userId: names.newcomer });
  const topUp = await createTopUps(db, owner);
  const alert = { threshold: 80, windowStart: subscription.startedAt, data: { word } };
  await db.usageAlert.create({ data: { ...usage, ...alert, subscriptionId: subscription.id } });
  const hold = { ...owner, expiresAt: new Date(Date.now() + 3_600_000) };
  const reservation = await db.reservation.create({ data: { ...hold, amount: 1 } });
  await db.reservation.create({ data: { ...hold, amount: 1 } });
  await db.usageHold.create({ data: { ...hold, held: 2 } });
  await db.user.update({ where: { key: user.key }, data: { hasHolds: true } });
  const hour = { environmentId, featureId: names.feature, hour: new Date('2020-02-20T20:00:00Z'), used };
  await db.usageHour.create({ data: { ...hour, userKey: user.key } });
  // Read only while a pass is recent: tests/insights/standings.test.ts does.
  const standing = { environmentId, userKey: user.key, featureId: names.feature, limit: 1, share: 100, used };
  await db.limitStanding.create({ data: { ...standing, refuses: true, validUntil: new Date(0) } });
  await db.limitChange.create({ data: { environmentId, userKey: user.key } });
  await db.featureHour.create({ data: hour });
  const rule = { environmentId, name: word, featureId: names.feature, eventName: word };
  const conditions = [{ path: word, equals: word }];
  for (const id of [names.rule, `${names.rule}-2`])
    await db.mappingRule.create({ data: { ...rule, id, conditions } });
  await createEvents(db, environmentId, names);
  await createBilling(db, environmentId, names, user.key);
  const key = { environmentId, kind: 'PUBLIC', lastFour } as const;
  const { id: apiKey } = await db.apiKey.create({ data: { ...key, hash: `${environmentId} ${prefix} 1` } });
  await db.apiKey.create({ data: { ...key, hash: `${environmentId} ${prefix} 2` } });
  const people = await createPeople(db, environmentId, names);
  const session = await createTraces(db, environmentId, { prefix, keyId: apiKey, ...people });
  const auditEntry = await createHistory(db, environmentId, {
    user,
    keyId: apiKey,
    memberId: people.colleague,
  });
  const migration = await createMigrations(db, environmentId, { names, userKey: user.key });
  const delivery = await createTold(db, environmentId, names);
  const ids = {
    subscription: `${subscription.id}`,
    endingSubscription: `${ending.id}`,
    migration: `${migration}`,
    grant: `${grant}`,
    topUp: `${topUp}`,
    reservation: `${reservation.id}`,
    usageEvent: `${usageEvent}`,
    auditEntry: `${auditEntry}`,
  };
  return { ...names, ...ids, ...people, apiKey, session, delivery: `${delivery}` };
}

/** A member of this environment and, maybe, of another; one of this alone; and two invitations, of which the older is told. */
async function createPeople(
  db: PrismaClient,
  environmentId: 'test' | 'live',
  { member, email }: Names,
): Promise<{ colleague: string; invitation: string }> {
  const { word, lastFour } = secrets[environmentId];
  const account = { id: member, email: `member-${email}`, name: 'Shared' };
  await db.member.upsert({ where: { id: member }, create: account, update: {} });
  const since = new Date(Date.now() - 60_000);
  await db.memberRole.create({ data: { environmentId, memberId: member, role: 'EDITOR', createdAt: since } });
  const { id: colleague } = await db.member.create({
    data: { email: `${environmentId}-${email}`, name: word, passwordHash: word },
  });
  await db.memberRole.create({ data: { environmentId, memberId: colleague, role: 'VIEWER' } });
  const expiresAt = new Date(Date.now() + 3_600_000);
  const link = { environmentId, memberId: colleague, tokenHash: `${environmentId} ${colleague}` };
  await db.passwordReset.create({ data: { ...link, expiresAt } });
  const author = { authorKind: 'CONSOLE', lastFour } as const;
  const invitation = { environmentId, role: 'VIEWER', ...author, expiresAt } as const;
  const [older, newer] = [`older-${email}`, `newer-${email}`];
  const { id } = await db.invitation.create({
    data: { ...invitation, email: older, tokenHash: `${environmentId} ${older}`, createdAt: since },
  });
  await db.invitation.create({
    data: { ...invitation, email: newer, tokenHash: `${environmentId} ${newer}` },
  });
  return { colleague, invitation: id };
}

/** A grant of this feature to this user; its id. */
async function createGrant(
  db: PrismaClient,
  owner: { environmentId: 'test' | 'live'; userKey: bigint; featureId: string },
  facts: { limit?: number; startsAt?: Date } = {},
): Promise<bigint> {
  const { word, limit } = secrets[owner.environmentId];
  const [{ id }] = await db.$queryRaw<[{ id: bigint }]>`SELECT nextval('subscription_id_seq') AS id`;
  await db.featureGrant.create({
    data: { ...owner, id, limit, reason: word, startsAt: new Date(), ...facts },
  });
  await db.user.update({ where: { key: owner.userKey }, data: { hasGrants: true } });
  return id;
}

/** A grant of which this user has used too much. */
async function createUseOverLimit(
  db: PrismaClient,
  { userId, ...owner }: { environmentId: 'test' | 'live'; userId: string; featureId: string },
): Promise<void> {
  const id = { environmentId_id: { environmentId: owner.environmentId, id: userId } };
  const { key: userKey } = await db.user.findUniqueOrThrow({ where: id });
  const startsAt = new Date();
  const grantId = await createGrant(db, { ...owner, userKey }, { limit: 1, startsAt });
  await db.usageCounter.create({
    data: { ...owner, userKey, subscriptionId: grantId, windowStart: startsAt, used: 9 },
  });
}

/** Two top-ups of this feature for this user, of which the older one was drawn from; its id. */
async function createTopUps(
  db: PrismaClient,
  owner: { environmentId: 'test' | 'live'; userKey: bigint; featureId: string },
): Promise<bigint> {
  const { word, limit } = secrets[owner.environmentId];
  const data = { ...owner, amount: limit, remaining: limit, reason: word };
  const { id } = await db.topUp.create({ data: { ...data, remaining: limit - 1 } });
  await db.topUp.create({ data });
  const drawn = { ...owner, subscriptionId: 1n, windowStart: new Date(0), topUpId: id, amount: 1 };
  const usage = await db.usageEvent.findFirst({ where: owner });
  await db.topUpDraw.create({ data: { ...drawn, usageEventId: usage?.id ?? null } });
  await db.usageExcess.create({ data: { ...drawn, position: 0 } });
  await db.user.update({ where: { key: owner.userKey }, data: { hasTopUps: true } });
  return id;
}

/** A connection with Stripe, and what it brought. */
async function createBilling(
  db: PrismaClient,
  environmentId: 'test' | 'live',
  names: Names,
  userKey: bigint,
): Promise<void> {
  const { word, limit } = secrets[environmentId];
  const secretKey = testEncryption.encrypt(`sk_${environmentId}_ours`, `stripe key ${environmentId}`);
  const connection = { environmentId, accountId: word, secretKey };
  await db.stripeConnection.upsert({ where: { environmentId }, create: connection, update: {} });
  const flags = [{ kind: 'REFUNDED', customerId: names.customer, providerId: word }];
  const item = { id: word, priceId: names.providerPrice, createdAt: new Date(0), quantity: 1 };
  const bought = {
    ...{ id: word, status: word, startedAt: new Date(0), endedAt: null, cancelsAt: null, trialEnd: null },
    ...{ isCollectionPaused: false, items: [item] },
  };
  const subscriptions = JSON.parse(JSON.stringify([bought]));
  const customer = {
    ...{ environmentId, userKey, readNumber: 1n, subscriptions, flags, flaggedAt: new Date(0) },
  };
  for (const id of [names.customer, `${names.customer}-2`])
    await db.stripeCustomer.create({ data: { ...customer, id } });
  const price = {
    environmentId,
    productId: word,
    productName: word,
    isActive: true,
    amount: limit,
    currency: 'eur',
    interval: 'month',
    createdAt: new Date(0),
  };
  await db.stripePrice.create({ data: { ...price, id: names.providerPrice, packageId: names.base } });
  await db.stripePrice.create({ data: { ...price, id: names.freePrice } });
  const template = { environmentId, packageId: names.base, currency: 'eur', interval: 'month' };
  await db.billingTemplate.create({
    data: { ...template, id: names.template, priceIds: [names.providerPrice] },
  });
  const owned = { environmentId, packageId: names.base, featureId: names.feature };
  await db.billingMeter.create({
    data: { ...owned, eventName: word, customerKey: word, valueKey: word, scope: 'ALL', sinceId: 0n },
  });
  const metered = {
    ...owned,
    customerId: names.customer,
    value: limit,
    occurredAt: new Date(0),
    problem: word,
  };
  // Ids of the ledger: one of each list.
  for (const [index, packageId] of [names.base, names.otherBase].entries())
    await db.billingMeterEvent.create({
      data: { ...metered, packageId, id: BigInt(index + 1), state: 'FAILED' },
    });
  await db.billingMeterWindow.create({
    data: {
      ...{ environmentId, subscriptionId: 1n, featureId: names.feature, windowStart: new Date(0) },
      ...{ revision: 1, used: limit, drawn: 0, sent: 0, lastId: 0n, sinceId: 0n, sentBefore: 0 },
    },
  });
  const event = { environmentId, id: `${names.event}-of-stripe`, type: word, createdAt: new Date(0) };
  await db.stripeEvent.create({ data: event });
}

/** Two sessions of the console, a deleted user, and how far usage is rolled up; the id of the older session. */
async function createTraces(
  db: PrismaClient,
  environmentId: 'test' | 'live',
  { prefix, keyId, colleague: memberId }: { prefix: string; keyId: string; colleague: string },
): Promise<string> {
  const since = new Date(Date.now() - 60_000);
  const session = { environmentId, expiresAt: new Date(Date.now() + 3_600_000) };
  const { idHash: sessionId } = await db.consoleSession.create({
    data: { ...session, keyId, idHash: `${environmentId} ${prefix} key`, createdAt: since },
  });
  await db.consoleSession.create({
    data: { ...session, memberId, idHash: `${environmentId} ${prefix} member` },
  });
  const salt = Buffer.from(environmentId.padEnd(16));
  await db.deletedUserSalt.upsert({ where: { environmentId }, create: { environmentId, salt }, update: {} });
  const idHash = Buffer.from(`${environmentId} ${prefix}`.padEnd(32));
  await db.deletedUser.create({ data: { environmentId, idHash, deletedAt: new Date(0) } });
  await db.usageRollup.upsert({ where: { environmentId }, create: { environmentId }, update: {} });
  await db.limitPass.upsert({
    where: { environmentId },
    create: { environmentId, asOf: new Date(0) },
    update: {},
  });
  return sessionId;
}

/** Two entries of the audit log about this user and key; the id of the newer one. */
async function createHistory(
  db: PrismaClient,
  environmentId: 'test' | 'live',
  { user, keyId, memberId }: { user: { key: bigint; id: string }; keyId: string; memberId: string },
): Promise<bigint> {
  const { word, lastFour } = secrets[environmentId];
  const author = {
    authorKind: 'CONSOLE',
    keyId,
    lastFour,
    requestId: word,
    clientRequestId: word,
    memberId,
  } as const;
  const subject = { subjectType: 'USER', subjectId: user.id, userKey: user.key } as const;
  const change = { action: word, before: { word }, after: { word }, withheld: [word] };
  const entry = { environmentId, ...author, ...subject, ...change };
  await db.auditEntry.create({ data: entry });
  return (await db.auditEntry.create({ data: entry })).id;
}

/** A webhook, and what it was told: two deliveries, of which the id of the newer one is answered. */
async function createTold(db: PrismaClient, environmentId: 'test' | 'live', names: Names): Promise<bigint> {
  const { word } = secrets[environmentId];
  const webhook = { environmentId, url: `https://${word}.example.com/`, events: ['package.published'] };
  for (const id of [names.webhook, `${names.webhook}-2`])
    await db.webhook.create({ data: { ...webhook, id, secret: word } });
  const event = await db.webhookEvent.create({ data: { environmentId, type: word, data: { word } } });
  const delivery = { environmentId, webhookId: names.webhook, eventId: event.id, state: 'DEAD' } as const;
  const answer = { retryUntil: new Date(), responseBody: word, problem: word };
  await db.webhookDelivery.create({ data: { ...delivery, ...answer } });
  return (await db.webhookDelivery.create({ data: { ...delivery, ...answer } })).id;
}

/** Two migrations of the subscribers of a package, of which the newer one runs; its id. */
async function createMigrations(
  db: PrismaClient,
  environmentId: 'test' | 'live',
  { names, userKey }: { names: Names; userKey: bigint },
): Promise<bigint> {
  const { word, lastFour } = secrets[environmentId];
  const packages = { fromPackageId: names.otherBase, toPackageId: names.base, toVersion: 1 };
  const counts = { total: 1, examined: 1, skipped: 1, untilId: 1n };
  const migration = { environmentId, ...packages, ...counts, at: 'NOW', usage: 'CARRY' } as const;
  const data = { ...migration, problem: word, authorKind: 'CONSOLE', lastFour } as const;
  await db.subscriberMigration.create({ data: { ...data, state: 'DONE', finishedAt: new Date() } });
  const { id } = await db.subscriberMigration.create({ data });
  const problem = { environmentId, migrationId: id, userKey, outcome: 'SKIPPED', reason: word } as const;
  await db.subscriberMigrationProblem.create({ data: problem });
  return id;
}

/** One event that waits for a rule, and one that waits for its user. */
async function createEvents(db: PrismaClient, environmentId: 'test' | 'live', names: Names): Promise<void> {
  const { word } = secrets[environmentId];
  const { happening } = names;
  const event = {
    environmentId,
    type: 'TRACK',
    eventName: happening,
    payload: { type: 'track', event: happening, properties: { happening, word, seats: 2 } },
    occurredAt: new Date(),
    receivedAt: new Date(),
  } as const;
  await db.segmentEvent.createMany({
    data: [
      { ...event, messageId: names.event, userId: names.user, outcome: 'UNMATCHED' },
      { ...event, messageId: `${names.event}-2`, userId: `${names.user}-unknown`, outcome: 'PENDING_USER' },
    ],
  });
}

/** Everything that the tables hold, to look at and to go back to. */
export interface Rows {
  /** All rows of one environment, and the jobs that are about it. */
  of(environmentId: string): Promise<Record<string, string[]>>;
  /** Removes all rows of one environment. */
  clear(environmentId: string): Promise<void>;
  /** Makes the tables what they were when these rows were read. */
  restore(): Promise<void>;
}

export async function readRows({ prisma, work }: Database): Promise<Rows> {
  const found = await prisma.$queryRaw<{ name: string; owned: boolean }[]>`
    SELECT t.table_name AS name, c.column_name IS NOT NULL AS owned
    FROM information_schema.tables t
    LEFT JOIN information_schema.columns c
      ON c.table_schema = 'public' AND c.table_name = t.table_name AND c.column_name = 'environment_id'
    WHERE t.table_schema = 'public' AND t.table_type = 'BASE TABLE'
      AND NOT (SELECT relispartition FROM pg_class WHERE oid = format('%I', t.table_name)::regclass) ORDER BY 1`;
  const common = found.filter(({ owned }) => !owned).map(({ name }) => name);
  // Seals are of whole logs, and hold nothing but hashes; retention is of the whole ledger, and its progress holds nothing
  // but keys. An account is one person's, wherever the roles are.
  const expected =
    '_prisma_migrations,environment,ledger_drop,ledger_summed_user,ledger_summing,member,seal,seal_amendment';
  if (common.join() !== expected)
    throw new Error(`Every table carries its environment; these do not, or are no more: ${common}`);
  const tables = found.filter(({ owned }) => owned).map(({ name }) => name);

  // One statement, for it is asked hundreds of times.
  const rowsSql = [
    ...tables.map(
      (name) =>
        `select '${name}' as name, to_jsonb(t)::text as row from "${name}" t where environment_id = $1`,
    ),
    `select 'jobs', to_jsonb(j)::text from graphile_worker._private_jobs j
     where payload::text like '%"' || $1 || '"%'`,
  ].join(' union all ');
  await keepRows(work, tables);
  return {
    async of(environmentId) {
      const dump: Record<string, string[]> = Object.fromEntries(
        [...tables, 'jobs'].map((name) => [name, []]),
      );
      const { rows } = await work.query<{ name: string; row: string }>({
        name: 'the rows of an environment',
        text: rowsSql,
        values: [environmentId],
      });
      for (const { name, row } of rows) dump[name]?.push(row);
      for (const each of Object.values(dump)) each.sort();
      return dump;
    },
    async clear(environmentId) {
      const deletions = tables.map(
        (name) => `delete from "${name}" where environment_id = '${environmentId}'`,
      );
      await work.query(
        ['begin', 'set local session_replication_role = replica', ...deletions, 'commit'].join(';'),
      );
    },
    async restore() {
      await work.query('select kept.restore()');
    },
  };
}

/**
 * Copies the rows of these tables, and makes the function that goes back to them. It is in the database, so that one
 * call restores all tables: in whatever order they refer to each other, and without their triggers. It is called
 * hundreds of times, so it leaves tables alone in which nothing has changed: none of their rows is younger than the last
 * call, and none is missing.
 */
async function keepRows(work: Database['work'], tables: readonly string[]): Promise<void> {
  const transaction = '(pg_current_xact_id()::text::bigint % 4294967296)';
  const restoreTable = (name: string) => `
    if exists (select from "${name}" where xmin::text::bigint > since)
      or (select count(*) from "${name}") <> (select count(*) from kept."${name}") then
      delete from "${name}"; insert into "${name}" table kept."${name}";
    end if;`;
  await work.query(
    [
      'create schema kept',
      ...tables.map((name) => `create table kept."${name}" as table "${name}"`),
      `create table kept.last as select ${transaction} as restored`,
      `create function kept.restore() returns void language plpgsql set session_replication_role = replica as $restore$
       declare since bigint := (select restored from kept.last);
       begin
         delete from graphile_worker._private_jobs;
         update environment set time_zone = null where time_zone is not null;
         ${tables.map(restoreTable).join('')}
         update kept.last set restored = ${transaction};
       end $restore$`,
    ].join(';'),
  );
}
