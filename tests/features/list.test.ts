import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { invalidInput } from '../helpers/errors.ts';
import { createFeature } from '../helpers/factories.ts';
import { statementsOf } from '../helpers/statements.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());
beforeEach(async () => {
  await app.database.hot.query('truncate feature, package cascade');
});

const list = 'query ($first: Int, $after: String) { features(first: $first, after: $after) { id } }';
const db = () => app.database.prisma;

describe('features', () => {
  const ids = async (variables: object = {}) =>
    (await app.ok(list, variables)).features.map((feature: { id: string }) => feature.id);

  /** Makes features of the ids, one second apart, but for those that share a second. */
  async function createAt(seconds: Record<string, number>) {
    await db().feature.createMany({
      data: Object.entries(seconds).map(([id, second]) => ({
        environmentId: 'test',
        id,
        name: id,
        type: 'BINARY',
        createdAt: new Date(Date.UTC(2022, 0, 1, 0, 0, second)),
      })),
    });
  }

  it('are an empty list in an environment without any', async () => {
    await createFeature(db(), { id: 'calls' }, { in: 'live' });
    expect(await ids()).toEqual([]);
  });

  it('come in the order of their creation, then of their ids', async () => {
    await createAt({ c: 1, b: 2, a: 3, a2: 2 });
    expect(await ids()).toEqual(['c', 'a2', 'b', 'a']);
  });

  it('are paged without loss or repetition, those of one instant too', async () => {
    await createAt({ e: 1, c: 2, a: 2, b: 2, d: 2, f: 3 });
    const seen: string[] = [];
    for (
      let page = await ids({ first: 2 });
      page.length > 0;
      page = await ids({ first: 2, after: seen.at(-1) })
    ) {
      seen.push(...page);
    }
    expect(seen).toEqual(['e', 'a', 'b', 'c', 'd', 'f']);
    expect(await ids({ after: 'c' })).toEqual(['d', 'f']);
    expect(await ids({ first: null, after: null })).toEqual(seen);
  });

  it.each([
    ['a page of nothing', { first: 0 }, 'first: must be at least 1'],
    ['a negative page', { first: -1 }, 'first: must be at least 1'],
    ['a page over 1,000', { first: 1001 }, 'first: must be at most 1000'],
    ['a place that does not exist', { after: 'nope' }, 'after: there is no item with the id "nope"'],
    [
      'a place of the other environment',
      { after: 'elsewhere' },
      'after: there is no item with the id "elsewhere"',
    ],
    ['a blank place', { after: '' }, 'after: must not be blank'],
  ])('refuse %s', async (_case, variables, problem) => {
    await createFeature(db(), { id: 'elsewhere' }, { in: 'live' });
    expect(await app.fails(list, variables)).toMatchObject(invalidInput(problem));
  });

  it('come whole up to 10,000; beyond, an error asks for paging and pages work', async () => {
    const fill = (from: number, to: number) =>
      app.database.hot.query(
        `insert into feature (environment_id, id, name, type, updated_at)
         select 'test', lpad(i::text, 5, '0'), 'many', 'BINARY', now() from generate_series($1::int, $2::int) i`,
        [from, to],
      );
    await fill(1, 10_000);
    const whole = await ids();
    expect({ length: whole.length, first: whole[0], last: whole.at(-1) }).toEqual({
      length: 10_000,
      first: '00001',
      last: '10000',
    });
    await fill(10_001, 10_001);
    expect(await app.fails(list)).toMatchObject(
      invalidInput('first: there are more than 10000 items; page through them with first and after'),
    );
    expect(await ids({ after: '00001' })).toHaveLength(10_000);
    expect(await ids({ first: 1000, after: '09999' })).toEqual(['10000', '10001']);
  });

  it('take one statement, however many there are', async () => {
    for (const id of ['a', 'b', 'c']) await createFeature(db(), { id });
    expect(await statementsOf(() => app.ok(list))).toHaveLength(1);
  });
});
