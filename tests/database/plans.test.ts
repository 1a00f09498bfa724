import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, type Pool } from 'pg';
import { applySettings, lookupPlans, sessionSettings } from '../../src/database/settings.ts';
import { createStandingFinder } from '../../src/entitlements/store.ts';
import { sweep } from '../../src/segment/sweep.ts';
import { decideWithin } from '../../src/usage/record/locked.ts';
import type { Usage } from '../../src/usage/record/rules.ts';
import { appendUsage } from '../../src/usage/record/store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { postEvents, trackEvent, workOn } from '../helpers/segment.ts';
import { statementsOf } from '../helpers/statements.ts';

/*
 * The planner chooses by what it believes of a table, and a generic plan that it made while the tables were small stays.
 * So no statement of the hot path, as it is really sent, may have a plan that reads a whole table: not on a new database
 * that was never analyzed, and not on one that has grown and was not analyzed since.
 */

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma, lookups } = app.database;
  // Nobody may analyze the tables between the two halves of this test.
  await prisma.$executeRawUnsafe(`do $$ declare name regclass; begin
    for name in select oid from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' loop
      execute format('alter table %s set (autovacuum_enabled = off)', name);
    end loop; end $$`);
  await createFeature(prisma, { id: 'messages' });
  await createPackage(prisma, {
    id: 'base',
    features: [{ id: 'messages', limit: 1_000, resetPeriod: 'MONTH' }],
  });
  for (const userId of ['u', 'topped-up']) {
    await createUser(prisma, { id: userId });
    await createSubscription(prisma, { userId, packageId: 'base' });
  }
  await app.ok('mutation { topUp(input: { userId: "topped-up", featureId: "messages", amount: 1 }) { id } }');
  await lookups.query('select');
});
afterAll(() => app.close());

const record = (more: string) =>
  `mutation { recordUsage(input: { userId: "u", featureId: "messages", delta: 1${more} }) { recorded } }`;
const recordAndStand = record('').replace('recorded }', 'recorded entitlement { access } }');
const track = () => trackEvent({ properties: { featureId: 'messages' } });

/** Whatever the hot path does, with a user who is held for a moment, so that the lanes that wait are there too. */
async function workHard(): Promise<void> {
  const calls = () => [
    app.ok(record('')),
    app.ok(record('').replace('"u"', '"topped-up"')),
    app.ok(recordAndStand),
    app.ok(record(`, idempotencyKey: "${Math.random()}"`)),
    app.ok(record(', enforce: true')),
    app.ok(record(', action: SET')),
    app.ok('{ canUseFeature(userId: "u", featureId: "messages") { access } }'),
    postEvents(app, [
      track(),
      track(),
      trackEvent({ userId: 'unknown', properties: { featureId: 'messages' } }),
    ]),
  ];
  await Promise.all(calls());
  // Now it is known that there are users with top-ups.
  await Promise.all(calls());
  const holder = await app.database.hot.connect();
  await holder.query(`begin; select from "user" where id = 'u' for update`);
  const held = calls();
  await new Promise((resolve) => setTimeout(resolve, 400));
  await holder.query('rollback');
  holder.release();
  await Promise.all(held);
  await sweep(workOn(app));
}

/** Which statements are looked at: those that name a table, as text that PostgreSQL takes parameters for. */
const isPlanned = (text: string) => /\$1/.test(text) && !/graphile_worker|"public"/.test(text);

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Cond'?: string;
  'Recheck Cond'?: string;
  Plans?: Plan[];
}

/** The nodes that read a table from one end to the other. */
function wholeReads(plan: Plan): string[] {
  const name = plan['Relation Name'];
  const isWhole =
    plan['Node Type'] === 'Seq Scan' ||
    (/^Index (Only )?Scan$/.test(plan['Node Type']) && plan['Index Cond'] === undefined);
  const own = name !== undefined && isWhole ? [`${plan['Node Type']} of ${name}`] : [];
  return [...own, ...(plan.Plans ?? []).flatMap(wholeReads)];
}

/** A new connection that is set as those of the hot path are. */
async function openHot(): Promise<Client> {
  const session = new Client({ connectionString: app.database.hot.options.connectionString });
  await session.connect();
  await applySettings(
    session,
    sessionSettings({ lockTimeoutMs: 2_500, statementTimeoutMs: 10_000 }, lookupPlans),
  );
  return session;
}

/** What these statements read whole. */
async function readWhole(statements: Iterable<string>): Promise<Record<string, string[]>> {
  const session = await openHot();
  const found: Record<string, string[]> = {};
  for (const text of statements) {
    await session.query(`prepare planned as ${text}`);
    const { rows } = await session.query(
      `select cardinality(parameter_types) as count from pg_prepared_statements where name = 'planned'`,
    );
    const nulls = Array(rows[0].count).fill('null').join();
    const explained = await session.query(`explain (format json) execute planned(${nulls})`);
    const reads = wholeReads(explained.rows[0]['QUERY PLAN'][0].Plan);
    if (reads.length > 0) found[text] = reads;
    await session.query('deallocate planned');
  }
  await session.end();
  return found;
}

const usageOf = (userId: string): Usage => ({
  environmentId: 'test',
  userId,
  featureId: 'messages',
  source: 'API',
  action: 'ADD',
  delta: 1_000_000n,
  idempotencyKey: null,
  timestamp: null,
  enforce: false,
});

it('additions are recorded without the steps that write alerts, until a webhook wants to be told of any', async () => {
  const client = await openHot();
  /** Records one usage, and returns the statements that were run and how many events and alerts are there. */
  const record = async () => {
    const names: string[] = [];
    const counting = {
      query: (statement: { name: string }) => {
        names.push(statement.name);
        return client.query(statement as never);
      },
    } as unknown as Client;
    const [result] = await appendUsage(counting, [{ usage: usageOf('u'), withStanding: false }], 'skip');
    expect(result).toMatchObject({ recorded: true });
    const { rows } = await client.query<{ events: number; alerts: number }>(
      `select (select count(*)::int from usage_event where user_key = u.key) as events,
         (select count(*)::int from usage_alert where user_key = u.key) as alerts from "user" u where id = 'u'`,
    );
    return { names, ...rows[0] };
  };
  try {
    await client.query('begin');
    await client.query(`delete from usage_event; update package_feature set alert_at_amount = '{1}'`);
    expect(await record()).toEqual({ names: ['record, skip'], events: 1, alerts: 0 });
    await client.query(`
      insert into webhook (environment_id, id, url, events, secret, updated_at)
      values ('live', 'w', 'http://127.0.0.1:9/', '{*}', '', now()), ('test', 'w', 'http://127.0.0.1:9/', '{user.*}', '', now())`);
    expect(await record()).toEqual({ names: ['record, skip'], events: 2, alerts: 0 });
    await client.query(`update webhook set events = '{usage.*}'`);
    const both = ['record, skip', 'record and tell, skip'];
    expect(await record()).toEqual({ names: both, events: 3, alerts: 1 });
    expect(await record()).toEqual({ names: ['record and tell, skip'], events: 4, alerts: 1 });
  } finally {
    await client.query('rollback');
    await client.end();
  }
});

describe('no statement of the hot path reads a whole table', () => {
  let statements: Set<string>;
  beforeAll(async () => {
    const work = async () => {
      await workHard();
      // With a webhook, other statements record.
      const input = '{ url: "http://127.0.0.1:9/", events: ["usage.*"] }';
      const { createWebhook } = await app.ok(
        `mutation { createWebhook(input: ${input}) { webhook { id } } }`,
      );
      await workHard();
      await app.ok(`mutation { deleteWebhook(id: "${createWebhook.webhook.id}") { id } }`);
    };
    statements = new Set((await statementsOf(work)).filter(isPlanned));
  });

  it('and this test sees them all', () => {
    const all = [...statements].join('\n');
    for (const part of ['insert into usage_event', 'insert into usage_counter', 'insert into usage_alert'])
      expect(all).toContain(part);
    for (const part of [
      'for key share skip locked',
      'for no key update',
      'with question as',
      'insert into segment_event',
      'update segment_event',
      'for update skip locked',
    ])
      expect(all).toContain(part);
    expect(statements.size).toBeGreaterThan(15);
  });

  it('on a new database that was never analyzed', async () => {
    expect(await readWhole(statements)).toEqual({});
  });

  it('with 10,000 counters, not analyzed since', async () => {
    const { prisma } = app.database;
    await prisma.$executeRawUnsafe(`
      with u as (
        insert into "user" (environment_id, id, updated_at)
        select 'test', 'many ' || i, now() from generate_series(1, 10000) i returning key
      ), s as (
        insert into subscription (environment_id, user_key, package_id, is_addon, started_at)
        select 'test', key, 'base', false, now() from u returning user_key, id
      )
      insert into usage_counter (user_key, subscription_id, feature_id, window_start, environment_id, used)
      select user_key, id, 'messages', now(), 'test', 1 from s`);
    expect(await readWhole(statements)).toEqual({});
  });
});

/*
 * A user without any allowance pays nothing for those of others: what the hot path does for such a user does not look into
 * one of their tables. For a user who has some, it looks into each.
 */
describe('the tables of grants, top-ups and reservations', () => {
  const tables = ['feature_grant', 'top_up', 'usage_excess', 'usage_hold'];

  beforeAll(async () => {
    await createUser(app.database.prisma, { id: 'with all' });
    await createSubscription(app.database.prisma, { userId: 'with all', packageId: 'base' });
    const more = '(input: { userId: "with all", featureId: "messages"';
    await app.ok(`mutation {
      grantFeature${more}, limit: 2000 }) { id }
      topUp${more}, amount: 10 }) { id }
      reserveUsage${more}, amount: 10 }) { id }
    }`);
  });

  /** The tables of these that recording and checking for a user looks into. */
  async function lookedInto(userId: string): Promise<string[]> {
    const client = await app.database.hot.connect();
    const usage = usageOf(userId);
    try {
      await client.query('begin');
      await appendUsage(client, [{ usage, withStanding: false }], 'skip');
      await appendUsage(client, [{ usage, withStanding: true }], 'skip');
      await decideWithin(client, [{ ...usage, enforce: true }], 'skip');
      await createStandingFinder(client as unknown as Pool)(usage);
      const { rows } = await client.query(
        `select relname from pg_stat_xact_user_tables
         where relname = any($1) and coalesce(seq_scan, 0) + coalesce(idx_scan, 0) > 0 order by relname`,
        [tables],
      );
      return rows.map(({ relname }) => relname);
    } finally {
      await client.query('rollback');
      client.release();
    }
  }

  it('are looked into only for those of a batch who have some', async () => {
    const client = await app.database.hot.connect();
    const usages = ['u', 'u', 'with all', 'u'].map((userId) => ({ ...usageOf(userId), delta: 2_000_000n }));
    try {
      await client.query('begin');
      await client.query('update "user" set has_top_ups = false');
      await appendUsage(
        client,
        usages.map((usage) => ({ usage, withStanding: false })),
        'skip',
      );
      const { rows } = await client.query(
        "select seq_scan, idx_scan from pg_stat_xact_user_tables where relname = 'feature_grant'",
      );
      expect(rows).toEqual([{ seq_scan: '0', idx_scan: '1' }]);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });

  it('are not looked into for a user who has none of it', async () => {
    expect(await lookedInto('u')).toEqual([]);
    expect(await lookedInto('with all')).toEqual(tables);
  });
});
