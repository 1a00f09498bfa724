import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { type ResetTerms, windowAt, windowsEndedBefore } from '../../src/entitlements/window-rules.ts';
import type { ResetPeriod } from '../../src/packages/reset-rules.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

/*
 * The database finds windows in SQL, with time zone data of its own. Here random terms and instants hold it to the
 * rule. The zones have what is awkward, in years that no release of the data changes any more.
 */

const seed = Number(process.env.SEED ?? 20_111_230);
const msPerDay = 86_400_000;

/** Around each instant, the clock of a zone does something unusual. */
const turns: [string, string[]][] = [
  ['Europe/Berlin', ['2024-03-31T01:00:00Z', '2024-10-27T01:00:00Z']],
  ['America/New_York', ['2024-03-10T07:00:00Z', '2024-11-03T06:00:00Z']],
  // The southern hemisphere.
  ['America/Santiago', ['2018-05-13T03:00:00Z', '2018-08-12T04:00:00Z']],
  ['America/Sao_Paulo', ['2018-11-04T03:00:00Z', '2018-02-18T02:00:00Z']],
  // Half an hour forward and back; half and quarter hours from UTC.
  ['Australia/Lord_Howe', ['2019-10-05T15:30:00Z', '2020-04-04T15:00:00Z']],
  ['Asia/Kolkata', ['2020-02-29T18:30:00Z']],
  ['Asia/Kathmandu', ['2020-12-31T18:15:00Z']],
  // A day that was skipped.
  ['Pacific/Apia', ['2011-12-30T10:00:00Z', '2011-12-31T10:00:00Z']],
  // Midnight that is skipped, or comes twice; a clock put back from 00:01 to 23:01; two hours at once.
  ['Asia/Beirut', ['2019-03-30T22:00:00Z', '2019-10-26T21:00:00Z']],
  ['America/Havana', ['2019-03-10T05:00:00Z', '2019-11-03T05:00:00Z']],
  ['America/St_Johns', ['2005-10-30T02:31:00Z', '2006-04-02T03:31:00Z']],
  ['Antarctica/Troll', ['2019-03-31T01:00:00Z', '2019-10-27T01:00:00Z']],
  ['UTC', ['2020-02-29T00:00:00Z']],
];

const period = fc.constantFrom<ResetPeriod>('YEAR', 'QUARTER', 'MONTH', 'WEEK', 'DAY', 'HOUR');
const every = fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 14 }), fc.constantFrom(24, 100, 1_000));
const msPerPeriod = { YEAR: 366, QUARTER: 92, MONTH: 31, WEEK: 7, DAY: 1, HOUR: 1 / 24 };
const monthEnds = [
  '2016-02-29T23:59:59.999Z',
  '2019-01-31T10:00:00Z',
  '2019-12-31T23:30:00Z',
  '2020-08-31T00:00:00Z',
];

/** Terms, and an instant of the subscription: near a turn of the clock, or up to fifteen windows after the start. */
const scene = fc
  .tuple(
    fc.constantFrom(...turns),
    fc.nat(),
    period,
    every,
    fc.boolean(),
    fc.integer({ min: -40 * 60, max: 40 * 60 }),
    fc.oneof(fc.integer({ min: 0, max: 3 * 24 * 60 }), fc.integer({ min: 0, max: 800 * 24 * 60 })),
    fc.option(fc.constantFrom(...monthEnds)),
    fc.double({ min: 0, max: 15, noNaN: true }),
  )
  .map(([[zone, instants], which, resetPeriod, resetEvery, inCalendar, off, before, monthEnd, windows]) => {
    const turn = new Date(instants[which % instants.length] as string).getTime() + off * 60_000;
    const anchor = new Date(monthEnd ?? turn - before * 60_000);
    const far = anchor.getTime() + Math.floor(windows * msPerPeriod[resetPeriod] * msPerDay) * resetEvery;
    const terms: ResetTerms = { anchor, resetPeriod, resetEvery, timeZone: inCalendar ? zone : null };
    return { terms, at: new Date(monthEnd === null ? turn : far) };
  })
  .filter(({ at }) => at.getUTCFullYear() < 2_100);

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

async function startsInSql(cases: readonly { terms: ResetTerms; at: Date }[]): Promise<Date[]> {
  const { rows } = await database.hot.query<{ start: Date }>(
    `select usage_window_start(s, p::"ResetPeriod", e, z, a) as start
     from unnest($1::timestamptz[], $2::text[], $3::integer[], $4::text[], $5::timestamptz[])
       with ordinality as i(s, p, e, z, a, ord) order by ord`,
    [
      cases.map(({ terms }) => terms.anchor),
      cases.map(({ terms }) => terms.resetPeriod),
      cases.map(({ terms }) => terms.resetEvery),
      cases.map(({ terms }) => terms.timeZone),
      cases.map(({ at }) => at),
    ],
  );
  return rows.map(({ start }) => start);
}

it('finds the windows that the rule finds, for thousands of random terms and instants', async () => {
  const scenes = fc.sample(scene, { seed, numRuns: 3_000 });
  const edges = scenes.flatMap(({ terms, at }) => {
    const { start, end } = windowAt(terms, at);
    const instants = [
      start,
      new Date(start.getTime() - 1),
      end as Date,
      new Date((end as Date).getTime() - 1),
    ];
    return instants.map((edge) => ({ terms, at: edge }));
  });
  const all = [...scenes, ...edges];
  const found = await startsInSql(all);
  const wrong = all
    .map(({ terms, at }, index) => ({
      ...terms,
      at,
      rule: windowAt(terms, at).start,
      sql: found[index] as Date,
    }))
    .filter(({ rule, sql }) => rule.getTime() !== sql.getTime());
  expect(wrong).toEqual([]);
});

it('cuts time into windows without gaps: each ends where the next begins, and holds its instant', () => {
  for (const { terms, at } of fc.sample(scene, { seed, numRuns: 1_500 })) {
    const { start, end } = windowAt(terms, at);
    const from = new Date(Math.max(at.getTime(), terms.anchor.getTime()));
    if (end === null || start > from || end <= from)
      throw new Error(JSON.stringify({ terms, at, start, end }));
    const next = windowAt(terms, end);
    const last = windowAt(terms, new Date(end.getTime() - 1));
    const [before] = windowsEndedBefore(terms, at, 1);
    expect({ terms, at, next: next.start, last, before: before?.end ?? terms.anchor }).toEqual({
      terms,
      at,
      next: end,
      last: { start, end },
      before: start,
    });
  }
});

it.each([
  ['Europe/Berlin', true],
  ['UTC', true],
  ['Europe/Atlantis', false],
  ['', false],
])('knows whether %p is a time zone', async (name, isKnown) => {
  const { rows } = await database.hot.query('select is_time_zone($1) as known', [name]);
  expect(rows).toEqual([{ known: isKnown }]);
});
