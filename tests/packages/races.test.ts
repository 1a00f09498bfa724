import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage } from '../helpers/factories.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());
beforeEach(async () => {
  await app.database.hot.query('truncate feature, package cascade');
  await createFeature(db(), { id: 'calls' });
  await createFeature(db(), { id: 'sso', type: 'BINARY' });
});

const db = () => app.database.prisma;

const publish = (id: string) => `publishPackage(id: "${id}") { id }`;
const archive = (id: string) => `archivePackage(id: "${id}") { id }`;
const edit = (id: string, input: string) => `updateDraftPackage(id: "${id}", input: ${input}) { id }`;
const create = (input: string) => `createPackage(input: ${input}) { id }`;

/** Sends a mutation; answers `done`, or the typed name of the error. */
async function outcomeOf(mutation: string): Promise<string> {
  const response = await app.http
    .post('/graphql')
    .set('Authorization', app.keys.test)
    .send({ query: `mutation { ${mutation} }` });
  const [error] = response.body.errors ?? [];
  return error === undefined ? 'done' : (error.extensions.exception?.name ?? error.message);
}

async function waitingForLocks(): Promise<number> {
  const { rows } = await app.database.hot.query(
    `select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows[0].waiting;
}

/**
 * Runs mutations that surely overlap: a bystander holds every package until all of them wait for it.
 * Answers their outcomes in order.
 */
async function race(...mutations: string[]): Promise<string[]> {
  const bystander = await app.database.hot.connect();
  try {
    await bystander.query('begin');
    await bystander.query('select from package order by id for update');
    const outcomes = Promise.all(mutations.map(outcomeOf));
    while ((await waitingForLocks()) < mutations.length)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await bystander.query('commit');
    return await outcomes;
  } finally {
    bystander.release();
  }
}

const rows = (id: string) =>
  db().package.findUniqueOrThrow({
    where: { environmentId_id: { environmentId: 'test', id } },
    select: {
      name: true,
      status: true,
      isAddon: true,
      features: { select: { featureId: true }, orderBy: { position: 'asc' } },
      bases: { select: { baseId: true } },
    },
  });

describe('of changes that race', () => {
  it('exactly one of several publishes wins', async () => {
    await createPackage(db(), { id: 'pro', status: 'DRAFT', features: ['calls'] });
    const outcomes = await race(publish('pro'), publish('pro'), publish('pro'));
    expect(outcomes.sort()).toEqual(['PackageStatusError', 'PackageStatusError', 'done']);
  });

  it('exactly one of several archivings wins', async () => {
    await createPackage(db(), { id: 'pro' });
    expect((await race(archive('pro'), archive('pro'))).sort()).toEqual(['PackageStatusError', 'done']);
  });

  it('a published package is never emptied by a late edit', async () => {
    await createPackage(db(), { id: 'pro', status: 'DRAFT', features: ['calls'] });
    const outcomes = await race(publish('pro'), edit('pro', '{ name: "Empty", features: [] }'));
    const { name, status, features } = await rows('pro');
    const published = { name: 'pro', status: 'PUBLISHED', features: [{ featureId: 'calls' }] };
    const emptied = { name: 'Empty', status: 'DRAFT', features: [] };
    expect({ name, status, features }).toEqual(outcomes[0] === 'done' ? published : emptied);
    expect(outcomes.sort()).toEqual(['PackageStatusError', 'done']);
  });

  it('two edits leave the whole of one of them', async () => {
    await createPackage(db(), { id: 'pro', status: 'DRAFT' });
    const one = edit('pro', '{ name: "one", features: [{ id: "calls" }, { id: "sso" }] }');
    const other = edit('pro', '{ name: "other", features: [{ id: "sso" }, { id: "calls" }] }');
    expect(await race(one, other)).toEqual(['done', 'done']);
    const { name, features } = await rows('pro');
    const order = name === 'one' ? ['calls', 'sso'] : ['sso', 'calls'];
    expect(features).toEqual(order.map((featureId) => ({ featureId })));
  });

  it('an add-on never becomes the base of an add-on', async () => {
    await createPackage(db(), { id: 'pro', status: 'DRAFT' });
    const outcomes = await race(
      edit('pro', '{ isAddon: true }'),
      create('{ id: "extra", isAddon: true, features: [], basePackages: ["pro"] }'),
    );
    expect(outcomes.sort()).toEqual(['ValidationError', 'done']);
    expect((await rows('pro')).isAddon).toBe((await db().package.count()) === 1);
  });

  it('two packages that name each other never both become add-ons, nor block each other for ever', async () => {
    await createPackage(db(), { id: 'a', status: 'DRAFT' });
    await createPackage(db(), { id: 'b', status: 'DRAFT' });
    const outcomes = await race(
      edit('a', '{ isAddon: true, basePackages: ["b"] }'),
      edit('b', '{ isAddon: true, basePackages: ["a"] }'),
    );
    expect(outcomes.sort()).toEqual(['ValidationError', 'done']);
    const [a, b] = [await rows('a'), await rows('b')];
    expect([a.isAddon, b.isAddon].sort()).toEqual([false, true]);
  });
});

it('makes one package of an id, however many ask for it at once', async () => {
  const asked = ['one', 'two', 'three', 'four'].map((name) =>
    outcomeOf(create(`{ id: "pro", name: "${name}", features: [{ id: "calls" }] }`)),
  );
  expect((await Promise.all(asked)).sort()).toEqual([
    'PackageAlreadyExistsError',
    'PackageAlreadyExistsError',
    'PackageAlreadyExistsError',
    'done',
  ]);
  expect((await rows('pro')).features).toEqual([{ featureId: 'calls' }]);
});
