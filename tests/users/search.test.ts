import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals';
import { Client } from 'pg';
import { migrate } from '../../src/database/migrations.ts';
import { emailKey, searchQuery } from '../../src/users/rules.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createEmptyDatabase } from '../helpers/database.ts';
import { statementsOf } from '../helpers/statements.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());
beforeEach(async () => {
  await app.database.prisma.user.deleteMany();
});

const users =
  'query ($search: String, $first: Int, $after: String) { users(search: $search, first: $first, after: $after) { id } }';

async function found(search: string | null, page: object = {}, key = app.keys.test): Promise<string[]> {
  const { users: list } = await app.ok(users, { search, ...page }, key);
  return list.map(({ id }: { id: string }) => id);
}

const add = (id: string, facts: object = {}, environmentId = 'test') =>
  app.database.prisma.user.create({ data: { id, environmentId, ...facts } });

describe('searchQuery', () => {
  it.each([
    ['jo', "'jo':*"],
    ['  Jo@acme.com ', "'jo':* & 'acme':* & 'com':*"],
    ["O'Neil", "'o':* & 'neil':*"],
    ['back\\slash \\', "'back':* & 'slash':* & '\\\\'"],
    ['', null],
    [' @ !?! _', "'@' & '!' & '?' & '_'"],
    ['100% (sure)', "'100':* & 'sure':*"],
    ['U\u0308BEL', "'\u00fcbel':*"],
  ])('reads %j as %j', (search, query) => expect(searchQuery(search)).toBe(query));
});

describe('users, searched', () => {
  it.each([
    ['the id', 'user_1'],
    ['a word of the name', 'lovelace'],
    ['the beginning of a word', 'ad'],
    ['the email', 'ada@example.com'],
    ['the host of the email', 'example'],
    ['the billing id', 'cus_Lp1'],
    ['several words in any order', 'love ada'],
    ['another case', 'ADA'],
  ])('are found by %s', async (_case, search) => {
    await add('user-1', { name: 'Ada Lovelace', email: 'ada@example.com', billingId: 'cus_Lp1bS' });
    await add('other', { name: 'Grace Hopper', email: 'grace@navy.mil', billingId: 'cus_9' });
    expect(await found(search)).toEqual(['user-1']);
  });

  it('are found by what they hold, whatever it is', async () => {
    await add('plain', { name: 'Ada' });
    await add('%', { name: 'Übel (GmbH) ÇELİK' });
    await add('a_b', { name: 'ΑΘΗΝΑ Жанна 👩‍💻 “名前”' });
    for (const search of ['übel', 'ÜBEL', 'U\u0308bel', '%', '(', 'gmbh', 'çel', '% ('])
      expect([search, await found(search)]).toEqual([search, ['%']]);
    for (const search of ['_', 'αθηνα', 'жан', 'ЖАННА', '👩‍💻', '👩', 'a_b'])
      expect([search, await found(search)]).toEqual([search, ['a_b']]);
    for (const search of ['🚀', '{', '^', '% _']) expect([search, await found(search)]).toEqual([search, []]);
  });

  it('must fit every word', async () => {
    await add('user-1', { name: 'Ada Lovelace' });
    expect(await found('ada hopper')).toEqual([]);
  });

  it('are all users when the search holds no word', async () => {
    await add('a');
    await add('b');
    for (const search of [null, '', '  ']) expect(await found(search)).toEqual(['a', 'b']);
  });

  it('are those of the environment, without those who were merged away', async () => {
    const { key } = await add('ada-1');
    await add('ada-2', { mergedInto: key });
    await add('ada-3', {}, 'live');
    expect(await found('ada')).toEqual(['ada-1']);
    expect(await found('ada', {}, app.keys.live)).toEqual(['ada-3']);
  });

  it('are paged in the order of creation', async () => {
    for (const id of ['ada-3', 'ada-1', 'ada-2']) await add(id);
    expect(await found('ada', { first: 2 })).toEqual(['ada-3', 'ada-1']);
    expect(await found('ada', { first: 2, after: 'ada-1' })).toEqual(['ada-2']);
  });

  it.each(["'", "a' | 'b", 'a:*b', '!a', 'é', '名前', '<->', '\\', "''':*"])(
    'take %j for text, not for a query',
    async (search) => {
      await add('someone');
      expect(await found(search)).toEqual(expect.any(Array));
    },
  );

  it('refuses what is too long', async () => {
    expect(await app.fails(users, { search: 'x'.repeat(256) })).toMatchObject({
      message: 'search: must be at most 255 characters',
    });
  });

  it('are found through the index, in two statements', async () => {
    await app.database.prisma.$executeRaw`
      INSERT INTO "user" (environment_id, id, name, updated_at)
      SELECT 'test', 'user-' || n, 'Name ' || md5(n::text), now() FROM generate_series(1, 20000) n`;
    await app.database.prisma.$executeRaw`ANALYZE "user"`;
    const statements = await statementsOf(() => found('user-19999', { first: 50 }));
    expect(statements).toHaveLength(2);

    const values = ["'user':* & '19999':*", 'test', new Date(0), '', 50];
    const { rows } = await app.database.of('test').work.query(`EXPLAIN ${statements[0]}`, values);
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('user_search_idx');
  });
});

test.each(["locale_provider libc locale 'C'", "locale_provider icu icu_locale 'und' locale 'C'"])(
  'search and emails know no case where the database is made with %s',
  async (locale) => {
    const database = await createEmptyDatabase(locale);
    await migrate(database.url);
    const client = new Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query(
      `select kana_search_words('u', 'Übel ΑΘΗΝΑ', null, null) @@ $1::tsquery as found,
         kana_email_key(' ÜBEL@X.IO ') as email`,
      [searchQuery('übel αθη')],
    );
    await client.end();
    await database.drop();
    expect(rows).toEqual([{ found: true, email: emailKey(' ÜBEL@X.IO ') }]);
  },
);
