import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Prisma } from '../../../src/database/generated/client.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription } from '../../helpers/factories.ts';
import { someoneWaitsFor } from '../../helpers/locks.ts';
import { statementsOf } from '../../helpers/statements.ts';

const fields = 'id email name billingId metadata';
const load = `mutation ($csv: String!) {
  importUsers(csv: $csv) { rows { line outcome user { ${fields} } error { name message code } } }
}`;
const unload = 'query ($first: Int, $after: String) { exportUsers(first: $first, after: $after) }';
const header = 'id,email,name,billingId,metadata';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

interface ImportedRow {
  line: number;
  outcome: string;
  user: { id: string } | null;
  error: { name: string; message: string; code: string } | null;
}

const importRows = async (lines: string[], key?: string): Promise<ImportedRow[]> =>
  (await app.ok(load, { csv: [header, ...lines].join('\n') }, key)).importUsers.rows;
const outcomes = (rows: ImportedRow[]) => rows.map(({ outcome, user }) => [outcome, user?.id ?? null]);
const exportAll = async (key?: string): Promise<string> => (await app.ok(unload, {}, key)).exportUsers;
const rowOf = (id: string) =>
  app.database.prisma.user.findUniqueOrThrow({ where: { environmentId_id: { environmentId: 'test', id } } });
const createUser = (input: object) =>
  app.ok('mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }', { input });

const bare = { email: null, name: null, billingId: null, metadata: {} };
const done = (line: number, outcome: string, user: object) => ({
  line,
  outcome,
  user: { ...bare, ...user },
  error: null,
});
const failed = (line: number, code: string, name: string, message: string) => ({
  line,
  outcome: 'FAILED',
  user: null,
  error: { name, message, code },
});

describe('importUsers', () => {
  it('answers each row for itself, and the bad ones fail alone', async () => {
    await createUser({ id: 'known', name: 'Known', metadata: { a: 1 } });
    expect(
      await importRows([
        'new,new@x.io,New,cus_new,"{""plan"":{""seats"":2}}"',
        'known,known@x.io,,,',
        'bad,,,,[]',
        ',customer@x.io,Customer,cus_customer,',
        'new,again@x.io,,,',
        'known-too,,"=SUM(A1)",,',
      ]),
    ).toEqual([
      done(2, 'CREATED', {
        id: 'new',
        email: 'new@x.io',
        name: 'New',
        billingId: 'cus_new',
        metadata: { plan: { seats: 2 } },
      }),
      done(3, 'UPDATED', { id: 'known', email: 'known@x.io', name: 'Known', metadata: { a: 1 } }),
      failed(4, 'BAD_USER_INPUT', 'ValidationError', 'row.metadata: must be a JSON object'),
      done(5, 'CREATED', {
        id: 'customer@x.io',
        email: 'customer@x.io',
        name: 'Customer',
        billingId: 'cus_customer',
      }),
      failed(6, 'CONFLICT', 'ImportConflictError', 'The row is about the same user as line 2.'),
      done(7, 'CREATED', { id: 'known-too', name: '=SUM(A1)' }),
    ]);
    expect((await rowOf('new')).imported).toBe(false);
    expect((await rowOf('customer@x.io')).imported).toBe(true);
  });

  it('changes nothing when it comes again', async () => {
    const lines = ['twice,a@x.io,Twice,cus_2,"{""b"":1,""a"":[]}"', ',customer2@x.io,,cus_3,', 'plain,,,,'];
    expect(outcomes(await importRows(lines))).toEqual([
      ['CREATED', 'twice'],
      ['CREATED', 'customer2@x.io'],
      ['CREATED', 'plain'],
    ]);
    const before = await app.database.prisma.user.findMany({ orderBy: { key: 'asc' } });
    expect(outcomes(await importRows(lines))).toEqual([
      ['UNCHANGED', 'twice'],
      ['UNCHANGED', 'customer2@x.io'],
      ['UNCHANGED', 'plain'],
    ]);
    expect(await app.database.prisma.user.findMany({ orderBy: { key: 'asc' } })).toEqual(before);
  });

  it('gives the customer of a billing provider an id of the company’s own', async () => {
    await importRows([',claimed@x.io,Claimed,cus_claimed,']);
    const { key } = await rowOf('claimed@x.io');
    expect(await importRows(['own,,,cus_claimed,'])).toEqual([
      done(2, 'CLAIMED', { id: 'own', email: 'claimed@x.io', name: 'Claimed', billingId: 'cus_claimed' }),
    ]);
    expect(await rowOf('own')).toMatchObject({ key, imported: false });
    expect(outcomes(await importRows([',claimed@x.io,,cus_claimed,']))).toEqual([['UNCHANGED', 'own']]);
  });

  it('merges the customer of a billing provider into the user who turns out to be the same', async () => {
    const { prisma } = app.database;
    await createFeature(prisma, { id: 'messages' });
    await createPackage(prisma, { id: 'plan', features: [{ id: 'messages', limit: 10 }] });
    await importRows([',payer@x.io,Payer,cus_payer,']);
    await createSubscription(prisma, { userId: 'payer@x.io', packageId: 'plan' });
    await createUser({ id: 'user-1', name: 'User' });
    expect(await importRows(['user-1,,,cus_payer,"{""a"":1}"'])).toEqual([
      done(2, 'MERGED', {
        id: 'user-1',
        email: 'payer@x.io',
        name: 'User',
        billingId: 'cus_payer',
        metadata: { a: 1 },
      }),
    ]);
    expect(await app.ok('{ user(id: "payer@x.io") { id } }')).toEqual({ user: { id: 'user-1' } });
    expect(await app.ok('{ subscriptions(userId: "user-1") { userId package { id } } }')).toEqual({
      subscriptions: [{ userId: 'user-1', package: { id: 'plan' } }],
    });
    expect(outcomes(await importRows([',payer@x.io,,cus_payer,']))).toEqual([['UNCHANGED', 'user-1']]);
  });

  it('takes the id of a user who was merged for the survivor', async () => {
    await importRows(['survivor,,,,', 'double,,,,']);
    await app.ok('mutation { mergeUsers(ids: ["survivor", "double"]) { id } }');
    expect(outcomes(await importRows(['double,,Both,,']))).toEqual([['UPDATED', 'survivor']]);
    expect(await rowOf('survivor')).toMatchObject({ name: 'Both' });
  });

  /** Imports rows while another transaction has done `work`, which it commits once the import waits for it. */
  async function importBeside(work: string, lines: string[]) {
    const other = await app.database.hot.connect();
    await other.query('begin');
    await other.query(work);
    const importing = importRows(lines);
    await someoneWaitsFor(app.database, other);
    await other.query('commit');
    other.release();
    return importing;
  }
  const made = (id: string) =>
    `insert into "user" (environment_id, id, updated_at) values ('test', '${id}', now())`;
  const taken = (line: number, id: string) =>
    failed(line, 'CONFLICT', 'UserAlreadyExistsError', `A user with the id "${id}" already exists.`);

  it('fails alone the row whose user is made by someone else at the same moment', async () => {
    expect(await importBeside(made('raced'), ['raced,,Late,,', 'beside,,,,'])).toEqual([
      taken(2, 'raced'),
      done(3, 'CREATED', { id: 'beside' }),
    ]);
    expect(await rowOf('raced')).toMatchObject({ name: null });
  });

  it('fails alone the row whose id is taken by someone else at the same moment', async () => {
    await importRows([',wants@x.io,,cus_wants,', ',other@x.io,,cus_other,']);
    expect(await importBeside(made('wanted'), ['wanted,,,cus_wants,', 'other,,,cus_other,'])).toEqual([
      taken(2, 'wanted'),
      done(3, 'CLAIMED', { id: 'other', email: 'other@x.io', billingId: 'cus_other' }),
    ]);
    expect(await rowOf('wants@x.io')).toMatchObject({ imported: true });
  });

  it.each([
    ['changed', 'leaver-1', ['leaver-1,,Late,,', 'stayer,,Stays,,']],
    ['claimed', 'leaver-2@x.io', ['leaver-2,,,cus_leaver,', 'stayer,,Stays too,,']],
  ])('fails alone the row whose user is deleted while being %s', async (_name, id, lines) => {
    await importRows(['leaver-1,,,,', ',leaver-2@x.io,,cus_leaver,', 'stayer,,,,']);
    const message = 'The user was changed concurrently: import the row again.';
    const rows = await importBeside(`delete from "user" where id = '${id}'`, lines);
    expect(rows).toMatchObject([
      failed(2, 'CONFLICT', 'ImportConflictError', message),
      { line: 3, outcome: 'UPDATED' },
    ]);
  });

  it('lets usage that waited for a user be recorded once the file brings the user', async () => {
    const track = (userId: string) =>
      app.ok('mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }', {
        event: { type: 'track', event: 'Sent', userId, properties: { featureId: 'messages', delta: 3 } },
      });
    await importRows([',waiting@x.io,,cus_waiting,']);
    for (const id of ['made', 'given'])
      expect(await track(id)).toEqual({ ingestSegmentEvent: { outcome: 'PENDING_USER' } });
    await importRows(['made,,,,', 'given,,,cus_waiting,']);
    for (const id of ['made', 'given'])
      expect(
        await app.database.prisma.usageEvent.findMany({ where: { userKey: (await rowOf(id)).key } }),
      ).toMatchObject([{ delta: new Prisma.Decimal(3), source: 'SEGMENT' }]);
  });

  it.each([
    [
      'an unknown column',
      'id,phone\n1,2',
      'csv: has an unknown column "phone"; there are id, email, name, billingId, metadata, packages, usage:<featureId>',
    ],
    ['an empty file', '', 'csv: must begin with a header, such as "id,email,name,billingId,metadata"'],
    ['more than 10,000 rows', `id\n${'1\n'.repeat(10_001)}`, 'csv: must hold at most 10000 rows'],
    [
      'a quote that is never closed, with all that came before it',
      `id\nnobody\n"open`,
      'csv: cannot be read: Quote Not Closed: the parsing is finished with an opening quote at line 3',
    ],
  ])('refuses %s', async (_name, csv, message) => {
    expect(await app.fails(load, { csv })).toMatchObject({
      message,
      path: ['importUsers'],
      extensions: { code: 'BAD_USER_INPUT', exception: { name: 'ValidationError', message } },
    });
    expect(await app.database.prisma.user.count({ where: { id: 'nobody' } })).toBe(0);
  });

  it('asks the database as often for many rows as for few, if they are new or say nothing new', async () => {
    const lines = Array.from({ length: 400 }, (_, index) => `many-${index},,,,`);
    const few = await statementsOf(() => importRows(['few,,,,']));
    expect(await statementsOf(() => importRows(lines))).toHaveLength(few.length);
    const again = await statementsOf(() => importRows(['few,,,,']));
    expect(await statementsOf(() => importRows(lines))).toHaveLength(again.length);
  });
});

describe('exportUsers', () => {
  it('writes what importUsers turns into the same users, in the same order, in an empty environment', async () => {
    await createUser({
      id: '=formula',
      email: 'Ünï@x.io',
      name: '\'quoted, "name"',
      metadata: { text: 'a\nb', n: [1, null] },
    });
    await createUser({ id: 'null', metadata: null });
    const csv = await exportAll();
    const users = await app.ok(`{ users { ${fields} } }`);
    expect(csv.split('\n')[0]).toBe(header);
    const { rows } = (await app.ok(load, { csv }, app.keys.live)).importUsers;
    expect(new Set(rows.map(({ outcome }: ImportedRow) => outcome))).toEqual(new Set(['CREATED']));
    expect(await app.ok(`{ users { ${fields} } }`, {}, app.keys.live)).toEqual(users);
    expect(await exportAll(app.keys.live)).toBe(csv);
  });

  it('says nothing new to the environment that it comes from', async () => {
    const { rows } = (await app.ok(load, { csv: await exportAll() })).importUsers;
    expect(new Set(rows.map(({ outcome }: ImportedRow) => outcome))).toEqual(new Set(['UNCHANGED']));
  });

  it('is paged with first and after, and leaves out users who were merged', async () => {
    const { users } = await app.ok('{ users { id } }');
    const idsOf = (csv: string) =>
      csv
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => line.split(',')[0]);
    const page = async (variables: object) => idsOf((await app.ok(unload, variables)).exportUsers);
    const [first, second, third] = users.map(({ id }: { id: string }) => id);
    expect(await page({ first: 2 })).toEqual([first, second]);
    expect(await page({ first: 1, after: second })).toEqual([third]);
    expect(await exportAll()).not.toMatch(/^double,/m);
    const chosen = 'query ($ids: [String!]!) { exportUsers(ids: $ids) }';
    expect(idsOf((await app.ok(chosen, { ids: [third, first, 'nobody'] })).exportUsers)).toEqual([
      first,
      third,
    ]);
    expect(idsOf((await app.ok(chosen, { ids: [] })).exportUsers)).toEqual([]);
    expect((await app.fails(chosen, { ids: Array.from({ length: 1001 }, () => 'a') })).message).toBe(
      'ids: must have at most 1000 ids',
    );
    expect(await app.fails(unload, { after: 'nobody' })).toMatchObject({
      message: 'after: there is no item with the id "nobody"',
    });
  });

  it('imports page after page in the order of the pages', async () => {
    const before = (await app.ok('{ users { id } }')).users;
    const pages = ['abcdefgh', 'ijklmnop'].map((letters) =>
      [...letters].reverse().map((letter) => `page-${letter},,,,`),
    );
    for (const lines of pages) await importRows(lines);
    const { users } = await app.ok('{ users { id } }');
    expect(users.slice(before.length)).toEqual(
      [...'hgfedcba', ...'ponmlkji'].map((letter) => ({ id: `page-${letter}` })),
    );
  });
});

it.each([
  ['importUsers', 'mutation { importUsers(csv: "id\\nsneaked") { rows { line } } }'],
  ['exportUsers', '{ exportUsers }'],
])('%s needs a private key', async (_name, query) => {
  const refused = { extensions: { code: 'UNAUTHENTICATED' } };
  expect(await app.fails(query, {}, 'prv_test_00000000000000000000000000000000')).toMatchObject(refused);
  expect(await app.fails(query, {}, app.keys.publicTest)).toMatchObject(refused);
  expect(await app.database.prisma.user.count({ where: { id: 'sneaked' } })).toBe(0);
});

describe('packages and opening usage', () => {
  const load = (csv: string) =>
    app.ok(
      `mutation ($csv: String!) { importUsers(csv: $csv) { rows { line outcome error { message code } } } }`,
      {
        csv,
      },
    );
  const rowsOf = async (csv: string) =>
    (await load(csv)).importUsers.rows.map(
      ({ outcome, error }: { outcome: string; error: { message: string } | null }) =>
        error === null ? outcome : `${outcome} ${error.message}`,
    );
  const stands = async (userId: string) => {
    const text = `query ($userId: String!) {
      subscriptions(userId: $userId) { package { id } }
      canUseFeature(userId: $userId, featureId: "api-calls") { consumption { used } } }`;
    const { subscriptions, canUseFeature } = await app.ok(text, { userId });
    const ids = subscriptions.map((each: { package: { id: string } }) => each.package.id);
    return [ids.join(' '), canUseFeature.consumption?.used ?? null];
  };

  beforeAll(async () => {
    const { prisma } = app.database;
    await createFeature(prisma, { id: 'api-calls', precision: 1 });
    await createFeature(prisma, { id: 'sso', type: 'BINARY' });
    await createPackage(prisma, {
      id: 'opening',
      features: [{ id: 'api-calls', limit: 100, resetPeriod: 'MONTH' }],
    });
    await createPackage(prisma, { id: 'opening-plus', isAddon: true, features: ['sso'], bases: ['opening'] });
    await createPackage(prisma, { id: 'opening-other', features: ['api-calls'] });
  });

  const file = [
    'id,name,packages,usage:api-calls',
    'open-1,Ada,opening opening-plus,12.5',
    'open-2,Ben,opening,',
    'open-3,Cleo,,7',
    'open-4,,opening-plus,',
    'open-5,,opening opening-other,',
    'open-6,,opening,0.25',
    'open-7,,opening,-1',
    'open-8,,nothing,',
  ].join('\n');

  it('subscribes, and counts what was used elsewhere once, however often the file comes', async () => {
    const failures = [
      'FAILED Cannot subscribe to addon. Missing live tier subscription.',
      'FAILED Cannot subscribe to multiple tiers',
      expect.stringMatching(/^FAILED row\.usage:api-calls: /),
      'FAILED row.usage:api-calls: must be an amount of 0 or more, such as 12.5',
      'FAILED Package Id not found for app',
    ];
    expect(await rowsOf(file)).toEqual(['CREATED', 'CREATED', 'CREATED', ...failures]);
    for (let time = 0; time < 2; time += 1) {
      expect(await stands('open-1')).toEqual(['opening opening-plus', 12.5]);
      expect(await stands('open-2')).toEqual(['opening', 0]);
      expect(await rowsOf(file)).toEqual(['UNCHANGED', 'UNCHANGED', 'UNCHANGED', ...failures]);
    }
    expect(
      await app.database.prisma.user.count({ where: { id: { in: ['open-4', 'open-5', 'open-8'] } } }),
    ).toBe(0);
  });

  it('gives a known user what is missing, and refuses another opening usage', async () => {
    expect(await rowsOf('id,packages\nopen-2,opening opening-plus')).toEqual(['UPDATED']);
    expect(await rowsOf('ID;Usage: api-calls\nopen-2;3\nopen-1;13')).toEqual([
      'UPDATED',
      'FAILED The opening usage of this user was imported before with another amount.',
    ]);
    expect(await stands('open-2')).toEqual(['opening opening-plus', 3]);
    expect(await stands('open-1')).toEqual(['opening opening-plus', 12.5]);
  });

  it.each([
    ['usage:none', 'csv: has the column "usage:none", but no CONSUMABLE feature has this id'],
    ['usage:sso', 'csv: has the column "usage:sso", but no CONSUMABLE feature has this id'],
    [
      'plan',
      'csv: has an unknown column "plan"; there are id, email, name, billingId, metadata, packages, usage:<featureId>',
    ],
    ['usage:api-calls,usage: api-calls', 'csv: has the column "usage: api-calls" twice'],
  ])('refuses a file with the column %s', async (column, message) => {
    const csv = `id,${column}\nopen-9,1`;
    expect(
      await app.fails('mutation ($csv: String!) { importUsers(csv: $csv) { rows { line } } }', { csv }),
    ).toMatchObject({ message });
  });
});
