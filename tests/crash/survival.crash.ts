import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { medianOf } from '../helpers/median.ts';
import { ensureBuilt, run } from '../helpers/process.ts';
import { findContradictions } from './allowances.ts';
import { createCaller } from './caller.ts';
import { hardLimit } from './catalogue.ts';
import { allSent, expectedMessages, isModelled, written } from './listening.ts';
import { carried, migrants, openingKeys } from './migrating.ts';
import { createRandom } from './random.ts';
import { findViolations, operationsOf, type Recorded } from './recording.ts';
import { rage, type Storm } from './storm.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const faults = Number(process.env.FAULTS ?? 60);
const pauseMs = Number(process.env.PAUSE_MS ?? 10_000);

const tell = (line: string) => process.stderr.write(`${line}\n`);

interface LedgerRow {
  user_id: string;
  feature_id: string;
  action: string;
  delta: number;
  idempotency_key: string | null;
  source: string;
}

let storm: Storm;
let ledger: LedgerRow[];
let history: Recorded[];

beforeAll(async () => {
  tell(`SEED=${seed} FAULTS=${faults} PAUSE_MS=${pauseMs}`);
  await ensureBuilt();
  storm = await rage({ seed, faults, pauseMs }, tell);
  ledger = (await storm.machine.postgres.query(
    `select u.id as user_id, e.feature_id, e.action, e.delta::int, e.idempotency_key, e.source
     from usage_event e join "user" u on u.key = e.user_key where e.environment_id = 'test' order by e.id`,
  )) as unknown as LedgerRow[];
  const keys = new Set(ledger.map(({ user_id, idempotency_key }) => `${user_id} ${idempotency_key}`));
  const loose = new Set(
    ledger.filter((row) => row.idempotency_key === null).map(({ user_id, delta }) => `${user_id} ${delta}`),
  );
  history = operationsOf(storm.figures.attempts, ({ key, delta }, userId) =>
    key === null ? loose.has(`${userId} ${delta}`) : keys.has(`${userId} ${key}`),
  );
  tellFigures();
}, 60 * 60_000);

afterAll(async () => {
  await storm?.listener.stop();
  await storm?.machine.shutDown();
});

function tellFigures() {
  const { figures, blows, longestAnswerMs, longestDisturbedMs, longestBesideHeldMs, holdings, machine } =
    storm;
  const recoveries = blows.map(({ recoveryMs }) => recoveryMs);
  tell(`faults            ${blows.length}`);
  tell(`calls             ${figures.calls}`);
  tell(
    `retries           ${figures.retries} (${[...figures.failures].map(([why, count]) => `${why}: ${count}`).join(', ')})`,
  );
  const { topUps, reservations } = storm.allowances;
  tell(`allowances        ${topUps.size} top-ups, ${reservations.size} reservations`);
  tell(`usages in ledger  ${ledger.length}`);
  tell(`recovery          ${medianOf(recoveries)} ms in the middle, ${Math.max(...recoveries)} ms at most`);
  tell(`longest answer    ${longestAnswerMs} ms while the server itself was not harmed`);
  tell(
    `                  ${longestDisturbedMs} ms while others were in the way, ${longestBesideHeldMs} ms about other users than the locked one`,
  );
  tell(`                  ${storm.longestStallMs} ms is the longest that this test was held up itself`);
  const unknown = history.filter(({ operation }) => operation.answer === null).length;
  tell(`histories         ${history.length} operations, ${unknown} of unknown outcome`);
  tell(
    `one process       ${JSON.stringify(holdings.before)} before, ${JSON.stringify(holdings.after)} after faults of PostgreSQL`,
  );
  tell(`failed starts     ${machine.failedStarts().join(' | ')}`);
}

describe('usage', () => {
  test('was sent and recorded in every way', () => {
    const kinds = new Set(
      [...storm.journal.usages.values()].map((usage) => `${usage.action} ${usage.enforce} ${usage.recorded}`),
    );
    expect([...kinds].sort()).toEqual([
      'ADD false true',
      'ADD true false',
      'ADD true true',
      'SET false true',
    ]);
    expect(storm.figures.retries).toBeGreaterThan(0);
  });

  test('that was acknowledged is in the ledger, once, and as it was sent', () => {
    const rows = new Map<string, LedgerRow[]>();
    for (const row of ledger) {
      const key = row.idempotency_key ?? '';
      rows.set(key, [...(rows.get(key) ?? []), row]);
    }
    const wrong = [...storm.journal.usages].filter(
      ([key, { userId, featureId, action, delta, recorded }]) => {
        const found = rows.get(key) ?? [];
        const expected = { user_id: userId, feature_id: featureId, action, delta };
        if (!recorded) return found.length > 0;
        const [row] = found;
        return (
          found.length !== 1 ||
          Object.entries(expected).some(([name, value]) => row?.[name as keyof LedgerRow] !== value)
        );
      },
    );
    expect(wrong).toEqual([]);
  });

  test('that nobody sent is not in the ledger', () => {
    const foreign = ledger.filter(
      ({ source, idempotency_key }) =>
        source === 'API' &&
        idempotency_key !== null &&
        !idempotency_key.startsWith(openingKeys) &&
        !storm.journal.usages.has(idempotency_key),
    );
    expect(foreign).toEqual([]);
  });

  test('that was enforced never went over its hard limit, not even for a moment', () => {
    const used = new Map<string, number>();
    const over = ledger.filter(({ user_id, feature_id, delta }) => {
      if (feature_id !== 'credits') return false;
      used.set(user_id, (used.get(user_id) ?? 0) + delta);
      return Number(used.get(user_id)) > hardLimit;
    });
    expect(used.size).toBeGreaterThan(0);
    expect(over).toEqual([]);
  });

  test('adds up to the counters, as npm run verify finds', async () => {
    const { code, stdout, stderr } = await run('dist/bundle/verify.js', [], {
      DATA_DIR: storm.machine.dataDir,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^\d+ users verified, 0 counters differ from the ledger\.\n$/);
  });
});

describe('the history of each user and feature', () => {
  test('has usages, refusals, repeats, reads and unknown outcomes', () => {
    const kinds = new Set(
      history.map(({ operation: { answer } }) =>
        answer?.kind === 'recorded' && answer.duplicate ? 'repeated' : (answer?.kind ?? 'unknown'),
      ),
    );
    expect([...kinds].sort()).toEqual(['read', 'recorded', 'refused', 'repeated', 'unknown']);
  });

  test('can be true: each call took effect at one instant between its beginning and its answer', () => {
    expect(findViolations(history)).toEqual([]);
  });
});

describe('top-ups and reservations', () => {
  test('are what was acknowledged, once; nothing went over a limit, not even for a moment', async () => {
    const { allowances, machine } = storm;
    expect(allowances.surprises).toEqual([]);
    const ends = [...allowances.reservations.values()].map(({ id, end }) =>
      id === null ? 'REFUSED' : typeof end === 'object' ? 'COMMITTED' : end,
    );
    expect([...new Set(ends)].sort()).toEqual(['COMMITTED', 'OPEN', 'REFUSED', 'RELEASED']);
    expect(await findContradictions(machine.postgres, allowances)).toEqual([]);
    const [drawn] = await machine.postgres.query('select count(*)::integer as count from top_up_draw');
    expect(Number(drawn?.count)).toBeGreaterThan(0);
  });
});

describe('subscriptions', () => {
  test('are what the last answer said, and one base for each user', async () => {
    const rows = await storm.machine.postgres.query(
      `select u.id, string_agg(s.package_id, ' ') as packages
       from "user" u join subscription s on s.user_key = u.key and s.status = 'ACTIVE' group by u.id`,
    );
    const held = new Map(rows.map(({ id, packages }) => [id, packages]));
    const acknowledged = [...storm.journal.subscribed, ...storm.journal.moved];
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(acknowledged.filter(([userId, packageId]) => held.get(userId) !== packageId)).toEqual([]);
    expect([...held.values()].filter((each) => each?.includes(' '))).toEqual([]);
  });
});

describe('a migration of subscribers', () => {
  test('has moved each of them once, with what they had used, through all faults', async () => {
    const { call } = createCaller(storm.machine.url, storm.key, createRandom(seed));
    const text =
      'query ($id: String!) { migration(id: $id) { state total examined moved createdAt finishedAt } }';
    const read = async () => (await call(text, { id: storm.migrationId })).data.migration;
    let migration = await read();
    for (; migration.state === 'RUNNING'; migration = await read()) await sleep(200);
    const { createdAt, finishedAt } = migration;
    tell(`migration         ${Date.parse(finishedAt) - Date.parse(createdAt)} ms for ${migrants} users`);
    expect(migration).toMatchObject({ state: 'DONE', total: migrants, examined: migrants, moved: migrants });
    const rows = await storm.machine.postgres.query(
      `select history, used, entries, count(*)::int as users from (
         select (select string_agg(package_id || ' ' || status, ', ' order by id) from subscription s where s.user_key = u.key) as history,
           (select sum(c.used)::int from usage_counter c join subscription s on s.user_key = c.user_key and s.id = c.subscription_id
             where c.user_key = u.key and s.package_id = 'new') as used,
           (select count(*)::int from audit_entry a where a.user_key = u.key and a.action = 'migrateSubscribers') as entries
         from "user" u where u.id like 'migrant-%') each group by 1, 2, 3`,
    );
    expect(rows).toEqual([
      { history: 'old CANCELLED, new ACTIVE', used: carried, entries: 2, users: migrants },
    ]);
  }, 120_000);
});

describe('webhooks', () => {
  test('were told of all that happened and of nothing else, whatever died', async () => {
    const { postgres } = storm.machine;
    const began = Date.now();
    await allSent(postgres, 60_000);
    const arrived = await storm.listener.arrived();
    const taken = arrived.filter((each) => each.taken);
    const byId = new Map(taken.map((each) => [each.id, each]));
    tell(
      `messages          ${byId.size}, ${taken.length - byId.size} came again, ${arrived.length - taken.length} not taken; all there after ${Date.now() - began} ms`,
    );
    const events = await postgres.query(
      `select e.message_id as id, d.state, w.id is not null as "isOurs" from webhook_event e
       left join webhook_delivery d on d.environment_id = e.environment_id and d.event_id = e.id
       left join webhook w on w.id = d.webhook_id`,
    );
    expect(events.filter(({ state, isOurs }) => state !== 'DELIVERED' || !isOurs)).toEqual([]);
    expect([...byId.keys()].sort()).toEqual(events.map(({ id }) => `msg_${id}`).sort());
    expect(arrived.filter(({ id, body }) => byId.get(id)?.body !== body)).toEqual([]);
    const told = [...byId.values()].map(written).filter(isModelled).sort();
    expect(told).toEqual(await expectedMessages(postgres));
    expect(taken.length).toBeLessThan(arrived.length);
  }, 120_000);
});

describe('Segment events', () => {
  test('that were acknowledged are recorded once, those too that a later rule finds', async () => {
    const { call } = createCaller(storm.machine.url, storm.key, createRandom(seed));
    const made = await call(
      'mutation { createMappingRule(input: { name: "Calls", featureId: "calls", eventName: "Called" }) { id } }',
      {},
    );
    expect(made.error).toBeNull();
    for (let state = ''; state !== 'DONE'; await sleep(100)) {
      const { data } = await call('{ mappingRules { backfill { state } } }', {});
      state = data.mappingRules[0].backfill.state;
    }
    const [row] = await storm.machine.postgres.query(
      "select count(*) as events, count(distinct user_key) as users, sum(delta) as used from usage_event where source = 'SEGMENT'",
    );
    const { events } = storm.journal;
    expect(row).toEqual({
      events: `${events.size}`,
      used: `${events.size}`,
      users: `${new Set([...events.values()].map(({ userId }) => userId)).size}`,
    });
  }, 120_000);
});

describe('the server', () => {
  test('answered no call with a fault of its own, and none with a surprise', () => {
    expect(storm.figures.faults).toEqual([]);
    expect(storm.journal.surprises).toEqual([]);
  });

  // Machines are noisy: one slow recovery, or one moment in which nothing ran here, is no fault. To wait too long is.
  test('came back by itself after every fault, as a rule within 2 seconds of the return of its processes', () => {
    expect(storm.blows.length).toBeGreaterThan(faults);
    expect(medianOf(storm.blows.map(({ recoveryMs }) => recoveryMs))).toBeLessThan(2_000);
    expect(storm.blows.filter(({ recoveryMs }) => recoveryMs > 10_000 + storm.longestStallMs)).toEqual([]);
  });

  test('kept nobody waiting for more than 5 seconds while it was not harmed itself', () => {
    expect(storm.longestAnswerMs - storm.longestStallMs).toBeLessThan(5_000);
  });

  test('kept nobody waiting for more than 12 seconds while others were in the way', () => {
    expect(storm.longestDisturbedMs - storm.longestStallMs).toBeLessThan(12_000);
  });

  test('kept nobody waiting for more than 5 seconds for the row of another user', () => {
    expect(storm.longestBesideHeldMs - storm.longestStallMs).toBeLessThan(5_000);
  });

  test('leaks neither memory nor files nor connections', async () => {
    const { before, after } = storm.holdings;
    expect(after.files - before.files).toBeLessThan(20);
    expect(after.memory - before.memory).toBeLessThan(100);
    const rows = await storm.machine.postgres.query(
      `select application_name as name, count(*) as connections from pg_stat_activity
       where datname is not null and application_name like 'open-kana%' and pid <> pg_backend_pid() group by 1`,
    );
    const connections = Object.fromEntries(rows.map(({ name, connections }) => [name, Number(connections)]));
    expect(connections['open-kana']).toBeLessThanOrEqual(22);
    expect(connections['open-kana jobs']).toBeLessThanOrEqual(7);
    expect(connections['open-kana deliveries'] ?? 0).toBeLessThanOrEqual(4);
    expect(connections['open-kana watch']).toBe(1);
    expect(connections['open-kana presence']).toBe(1);
  });
});
