import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { invalidInput } from '../../helpers/errors.ts';
import { createSubscription, createUser } from '../../helpers/factories.ts';
import { statementsOf } from '../../helpers/statements.ts';

let app: TestApp;
let client: Client;
beforeAll(async () => {
  app = await startTestApp();
  client = new Client(app.databaseUrl);
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await app.close();
});
beforeEach(async () => {
  await client.query('truncate feature, package, "user" cascade');
});

const sql = (text: string, values: unknown[]) => client.query(text, values);

/** So many features and packages, `f1` and `p1` first, the ones of the environment oldest first. */
async function fill({ features, packages }: { features: number; packages: number }): Promise<void> {
  const moment = `timestamptz '2022-01-01' + i * interval '1 second'`;
  await sql(
    `insert into feature (environment_id, id, name, type, created_at, updated_at)
     select 'test', 'f' || i, 'a feature', 'BINARY', ${moment}, now() from generate_series(1, $1::int) i`,
    [features],
  );
  await sql(
    `insert into package (environment_id, id, name, status, created_at, updated_at)
     select 'test', 'p' || i, 'a package', 'PUBLISHED', ${moment}, now() from generate_series(1, $1::int) i`,
    [packages],
  );
}

/** Has each package contain each of the first features. */
async function grant({ features }: { features: number }): Promise<void> {
  await sql(
    `insert into package_feature (environment_id, package_id, feature_id, position, name)
     select 'test', package.id, 'f' || i, i, 'a feature' from package, generate_series(1, $1::int) i`,
    [features],
  );
}

/** Makes the later half of the packages add-ons to each of the first half. */
async function linkHalves(): Promise<void> {
  await sql(
    `update package set is_addon = id in (select id from package order by created_at desc limit 50)`,
    [],
  );
  await sql(
    `insert into package_base (environment_id, addon_id, base_id)
     select 'test', addon.id, base.id from package addon, package base where addon.is_addon and not base.is_addon`,
    [],
  );
}

const tooMany = (place: string, remedy: string, what = '100000 items of lists') =>
  invalidInput(`${place}: with this the answer has more than ${what}; ${remedy}`);
const paging = (list: string) => `page through ${list} with first and after`;
const times = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');

describe('an answer', () => {
  it('has up to 100,000 items of lists, and is refused beyond', async () => {
    await fill({ features: 251, packages: 400 });
    await grant({ features: 249 });
    const query = '{ packages { id features { id type } } }';
    const { packages } = await app.ok(query);
    expect(packages).toHaveLength(400);
    expect(packages.at(-1)).toMatchObject({ id: 'p400' });
    expect(packages.filter(({ features }: { features: object[] }) => features.length === 249)).toHaveLength(
      400,
    );
    expect(packages[399].features[10]).toEqual({ id: 'f11', type: 'BINARY' });
    await sql(
      `insert into package_feature (environment_id, package_id, feature_id, position, name)
       values ('test', 'p7', 'f250', 0, 'one more')`,
      [],
    );
    expect(await app.fails(query)).toMatchObject(tooMany('packages.features', paging('packages')));
    expect((await app.ok('{ packages(first: 10) { features { id } } }')).packages).toHaveLength(10);

    // It is refused after as many statements as it takes to know.
    await sql(
      `insert into package_feature (environment_id, package_id, feature_id, position, name)
       select 'test', id, 'f250', 0, 'one more' from package where id <> 'p7'
       union all select 'test', 'p7', 'f251', 0, 'one more'`,
      [],
    );
    const statements = await statementsOf(async () => {
      expect(await app.fails('{ features { packages { features { id } } } }')).toMatchObject(
        tooMany('features.packages', paging('features')),
      );
    });
    expect(statements).toHaveLength(2);
  });

  it('is refused where few rows would be told many times', async () => {
    await fill({ features: 0, packages: 100 });
    await linkHalves();
    const around = '{ packages(first: 50) { addons { basePackages { id } } } }';
    expect(await app.fails(around)).toMatchObject(
      tooMany('packages.addons.basePackages', paging('packages')),
    );
    expect((await app.ok(around.replace('50', '39'))).packages).toHaveLength(39);
  });

  it('has up to 1,000,000 fields', async () => {
    await fill({ features: 1_001, packages: 0 });
    const wide = `{ features { ${times(1_000, (i) => `a${i}: id`)} } }`;
    expect(await app.fails(wide)).toMatchObject(tooMany('features', paging('features'), '1000000 fields'));
    expect((await app.ok(wide.replace('features', 'features(first: 1000)'))).features).toHaveLength(1_000);
  });

  it('has less of them where metadata is long', async () => {
    await fill({ features: 4_000, packages: 1 });
    await grant({ features: 4_000 });
    await sql(`update package set metadata = jsonb_build_object('note', repeat('x', 16000))`, []);
    expect(await app.fails('{ features { packages { id metadata } } }')).toMatchObject(
      tooMany('features.packages.metadata', paging('features'), '1000000 fields'),
    );
    expect((await app.ok('{ features { packages { id } } }')).features).toHaveLength(4_000);
  });

  it('that has become too large at the root reads no more lists', async () => {
    await fill({ features: 9_000, packages: 0 });
    const statements = await statementsOf(async () => {
      expect(await app.fails(`{ ${times(100, (i) => `a${i}: features { id }`)} }`)).toMatchObject(
        tooMany('a11', paging('a11')),
      );
    });
    expect(statements).toHaveLength(12);
  });

  it('counts the text of files too', async () => {
    await sql(
      `insert into "user" (environment_id, id, metadata, updated_at)
       select 'test', 'u' || i, jsonb_build_object('note', repeat('x', 16000)), now() from generate_series(1, 1000) i`,
      [],
    );
    expect(await app.fails(`{ ${times(30, (i) => `a${i}: exportUsers`)} }`)).toMatchObject(
      tooMany('a3', paging('a3'), '1000000 fields'),
    );
  });

  it('of a mutation is refused with the word that the change is made', async () => {
    await fill({ features: 1, packages: 100 });
    await grant({ features: 1 });
    await linkHalves();
    const rename = `mutation { updateFeature(id: "f1", input: { name: "renamed" }) {
      packages { addons { basePackages { ${times(100, (i) => `a${i}: id`)} } } } } }`;
    const remedy = 'ask for less at once; the change is made';
    expect(await app.fails(rename)).toMatchObject(
      tooMany('updateFeature.packages.addons.basePackages', remedy, '1000000 fields'),
    );
    expect(await app.ok('{ feature(id: "f1") { name } }')).toEqual({ feature: { name: 'renamed' } });
  });

  it('is refused by the client API too', async () => {
    await fill({ features: 1_001, packages: 1 });
    await grant({ features: 1_001 });
    await createUser(app.database.prisma, { id: 'jane' });
    await createSubscription(app.database.prisma, { userId: 'jane', packageId: 'p1' });
    const ask = (count: number) =>
      app.http
        .post('/client/graphql')
        .set({ Authorization: app.keys.publicTest, 'X-User-ID': 'jane' })
        .send({
          query: `{ currentUser { subscribedPackages { features { ${times(count, (i) => `a${i}: id`)} } } } }`,
        });
    const place = 'currentUser.subscribedPackages.features';
    expect((await ask(1_000)).body.errors).toMatchObject([
      tooMany(place, 'ask for less at once', '1000000 fields'),
    ]);
    expect((await ask(2)).body.data.currentUser.subscribedPackages[0].features).toHaveLength(1_001);
  });
});

describe('lists within lists', () => {
  it('are whole and in order where they take several statements', async () => {
    // The planner believes that there are no packages. A join that it planned could take longer than a statement may.
    await sql('analyze package, package_feature', []);
    await fill({ features: 1, packages: 12_000 });
    await grant({ features: 1 });
    const [, links = ''] = await statementsOf(async () => {
      const { feature } = await app.ok('{ feature(id: "f1") { packages { id } } }');
      expect(feature.packages.map(({ id }: { id: string }) => id)).toEqual(
        Array.from({ length: 12_000 }, (_, index) => `p${index + 1}`),
      );
    });
    const { rows } = await sql(`explain ${links}`, ['test', ['f1'], 100_001]);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('hashed SubPlan');
    expect(plan).not.toContain('Join');
  });

  it('are each their own where a fragment asks for them at several places', async () => {
    await fill({ features: 2, packages: 2 });
    await grant({ features: 2 });
    await sql(`update package set is_addon = true where id = 'p2'`, []);
    await sql(`insert into package_base (environment_id, addon_id, base_id) values ('test', 'p2', 'p1')`, []);
    const query = `{ packages { ...Lists addons { ...Lists basePackages { ...Lists } } } }
      fragment Lists on Package { id few: features { id } features { type } addons { id } basePackages { id } }`;
    const features = {
      few: [{ id: 'f1' }, { id: 'f2' }],
      features: [{ type: 'BINARY' }, { type: 'BINARY' }],
    };
    const base = { id: 'p1', ...features, addons: [{ id: 'p2' }], basePackages: [] };
    const addon = { id: 'p2', ...features, addons: [], basePackages: [{ id: 'p1' }] };
    const lists = { ...addon, basePackages: [base] };
    expect(await app.ok(query)).toEqual({ packages: [{ ...base, addons: [lists] }, addon] });
  });
});
