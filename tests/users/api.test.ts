import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { someoneWaits } from '../helpers/locks.ts';

const fields = 'id billingId name email metadata';
const create = `mutation createUser($input: CreateUserInput!) { createUser(input: $input) { ${fields} } }`;
const update = `mutation updateUser($id: String!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) { ${fields} } }`;
const retrieve = `query retrieveUser($id: String!) { user(id: $id) { ${fields} } }`;

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const bare = (id: string) => ({ id, billingId: null, name: null, email: null, metadata: {} });
const notFound = (id: string, path: string) => ({
  message: `There is no user with the id "${id}".`,
  path: [path],
  extensions: {
    code: 'NOT_FOUND',
    exception: { name: 'UserNotFoundError', message: `There is no user with the id "${id}".` },
  },
});
const taken = (id: string, path: string) => ({
  message: `A user with the id "${id}" already exists.`,
  path: [path],
  extensions: {
    code: 'CONFLICT',
    exception: { name: 'UserAlreadyExistsError', message: `A user with the id "${id}" already exists.` },
  },
});
const invalid = (message: string, path: string) => ({
  message,
  path: [path],
  extensions: { code: 'BAD_USER_INPUT', exception: { name: 'ValidationError', message } },
});

/** Makes `merged` a signpost to `survivor`, as a merge leaves it. */
async function merge(merged: string, survivor: string) {
  const { prisma } = app.database;
  const { key } = await prisma.user.findUniqueOrThrow({
    where: { environmentId_id: { environmentId: 'test', id: survivor } },
  });
  await prisma.user.update({
    where: { environmentId_id: { environmentId: 'test', id: merged } },
    data: { mergedInto: key },
  });
}

describe('createUser', () => {
  it('answers the user it made', async () => {
    const input = {
      id: '124',
      billingId: 'cus_883y74hdjjdjdnd',
      name: 'Test User',
      email: 'test@usekana.com',
      metadata: { plan: { seats: [1, null, 'two'] } },
    };
    expect(await app.ok(create, { input })).toEqual({ createUser: input });
    expect(await app.ok(retrieve, { id: '124' })).toEqual({ user: input });
  });

  it('needs no more than an id', async () => {
    expect(await app.ok(create, { input: { id: 'bare' } })).toEqual({ createUser: bare('bare') });
  });

  it('keeps an explicit null apart from what is left out', async () => {
    expect(await app.ok(create, { input: { id: 'nulls', name: null, metadata: null } })).toEqual({
      createUser: { ...bare('nulls'), metadata: null },
    });
  });

  it('allows the same email and billing id twice', async () => {
    for (const id of ['twin-1', 'twin-2']) {
      const input = { id, email: 'twins@company.com', billingId: 'cus_twins' };
      expect(await app.ok(create, { input })).toEqual({ createUser: { ...bare(id), ...input } });
    }
  });

  it('refuses an id that is taken', async () => {
    await app.ok(create, { input: { id: 'taken' } });
    expect(await app.fails(create, { input: { id: 'taken', name: 'Other' } })).toMatchObject(
      taken('taken', 'createUser'),
    );
  });

  it('makes one user of an id, however many calls race for it', async () => {
    const calls = Array.from({ length: 20 }, () =>
      app.http
        .post('/graphql')
        .set('Authorization', app.keys.test)
        .send({ query: create, variables: { input: { id: 'raced' } } }),
    );
    const bodies = (await Promise.all(calls)).map(({ body }) => body);
    expect(bodies.filter(({ errors }) => !errors)).toEqual([{ data: { createUser: bare('raced') } }]);
    for (const { errors } of bodies.filter((body) => body.errors)) {
      expect(errors).toMatchObject([taken('raced', 'createUser')]);
    }
  });

  it.each([
    ['a blank id', { id: '  ' }, 'input.id: must not be blank'],
    ['an id that nobody sees', { id: '\u200b' }, 'input.id: must hold a visible character'],
    ['an id of 256 characters', { id: 'x'.repeat(256) }, 'input.id: must be at most 255 characters'],
    ['an id with a control character', { id: 'a\nb' }, 'input.id: must not contain control characters'],
    [
      'a name of 256 characters',
      { id: 'ok', name: 'x'.repeat(256) },
      'input.name: must be at most 255 characters',
    ],
    [
      'an email with a null character',
      { id: 'ok', email: 'a\u0000' },
      'input.email: must not contain control characters',
    ],
    [
      'a long billing id',
      { id: 'ok', billingId: 'x'.repeat(256) },
      'input.billingId: must be at most 255 characters',
    ],
    ['metadata that is a list', { id: 'ok', metadata: [] }, 'input.metadata: must be a JSON object'],
    [
      'metadata beyond 16 KiB',
      { id: 'ok', metadata: { a: 'x'.repeat(16_384) } },
      'input.metadata: must be at most 16 KiB',
    ],
  ])('refuses %s', async (_name, input, message) => {
    expect(await app.fails(create, { input })).toMatchObject(invalid(message, 'createUser'));
    expect(await app.fails(retrieve, { id: 'ok' })).toMatchObject(notFound('ok', 'user'));
  });
});

describe('updateUser', () => {
  it('renames, and leaves email and billing id', async () => {
    const made = {
      id: 'before',
      billingId: 'cus_1',
      name: 'Test User',
      email: 'test@usekana.com',
      metadata: { a: 1 },
    };
    await app.ok(create, { input: made });
    const after = { ...made, id: 'after', name: 'Updated User', metadata: { b: 2 } };
    expect(
      await app.ok(update, {
        id: 'before',
        input: { id: 'after', name: 'Updated User', metadata: { b: 2 } },
      }),
    ).toEqual({ updateUser: after });
    expect(await app.ok(retrieve, { id: 'after' })).toEqual({ user: after });
    expect(await app.fails(retrieve, { id: 'before' })).toMatchObject(notFound('before', 'user'));
  });

  it('keeps what is left out, and clears what is null', async () => {
    await app.ok(create, { input: { id: 'kept', name: 'Kept', metadata: { a: 1 } } });
    expect(await app.ok(update, { id: 'kept', input: { id: 'kept' } })).toEqual({
      updateUser: { ...bare('kept'), name: 'Kept', metadata: { a: 1 } },
    });
    expect(await app.ok(update, { id: 'kept', input: { id: 'kept', name: null, metadata: null } })).toEqual({
      updateUser: { ...bare('kept'), metadata: null },
    });
  });

  it('lets the subscriptions follow the new id', async () => {
    const { prisma } = app.database;
    await createUser(prisma, { id: 'mover' });
    await createPackage(prisma, { id: 'moved' });
    const { id } = await createSubscription(prisma, { userId: 'mover', packageId: 'moved' });
    await app.ok(update, { id: 'mover', input: { id: 'moved-on' } });
    const list = 'query ($userId: String) { subscriptions(userId: $userId) { id userId } }';
    expect(await app.ok(list, { userId: 'moved-on' })).toEqual({
      subscriptions: [{ id: `${id}`, userId: 'moved-on' }],
    });
  });

  it('makes an imported user one of the company’s own when the id changes, and only then', async () => {
    const { prisma } = app.database;
    const email = 'imported@company.com';
    await prisma.user.create({ data: { environmentId: 'test', id: email, email, imported: true } });
    const isImported = async () => (await prisma.user.findFirstOrThrow({ where: { email } })).imported;
    await app.ok(update, { id: email, input: { id: email, name: 'Imported' } });
    expect(await isImported()).toBe(true);
    await app.ok(update, { id: email, input: { id: 'own' } });
    expect(await isImported()).toBe(false);
  });

  it('frees the former id', async () => {
    await app.ok(create, { input: { id: 'first' } });
    await app.ok(update, { id: 'first', input: { id: 'second' } });
    expect(await app.ok(create, { input: { id: 'first' } })).toEqual({ createUser: bare('first') });
  });

  it('refuses an id that is taken, and changes nothing', async () => {
    await app.ok(create, { input: { id: 'owner' } });
    await app.ok(create, { input: { id: 'rival' } });
    expect(await app.fails(update, { id: 'rival', input: { id: 'owner', name: 'Rival' } })).toMatchObject(
      taken('owner', 'updateUser'),
    );
    expect(await app.ok(retrieve, { id: 'rival' })).toEqual({ user: bare('rival') });
  });

  it('gives an id to one user only, however many race for it', async () => {
    const rivals = Array.from({ length: 20 }, (_, index) => `racer-${index}`);
    for (const id of rivals) await createUser(app.database.prisma, { id });
    const calls = rivals.map((id) =>
      app.http
        .post('/graphql')
        .set('Authorization', app.keys.test)
        .send({ query: update, variables: { id, input: { id: 'prize' } } }),
    );
    const bodies = (await Promise.all(calls)).map(({ body }) => body);
    expect(bodies.filter(({ errors }) => !errors)).toEqual([{ data: { updateUser: bare('prize') } }]);
    for (const { errors } of bodies.filter((body) => body.errors)) {
      expect(errors).toMatchObject([taken('prize', 'updateUser')]);
    }
  });

  it('refuses a user who does not exist, and an id that is none', async () => {
    expect(await app.fails(update, { id: 'nobody', input: { id: 'nobody' } })).toMatchObject(
      notFound('nobody', 'updateUser'),
    );
    expect(await app.fails(update, { id: '124', input: { id: '' } })).toMatchObject(
      invalid('input.id: must not be blank', 'updateUser'),
    );
  });

  it('changes the email and the billing id, leaves what is left out, and clears what is null', async () => {
    const facts = { email: 'old@company.com', billingId: 'cus_old' };
    await app.ok(create, { input: { id: 'billed', ...facts } });
    const change = async (input: object) =>
      (await app.ok(update, { id: 'billed', input: { id: 'billed', ...input } })).updateUser;
    expect(await change({ email: 'new@company.com' })).toMatchObject({ ...facts, email: 'new@company.com' });
    expect(await change({ billingId: 'cus_new', email: null })).toMatchObject({
      email: null,
      billingId: 'cus_new',
    });
    expect(await change({ billingId: null })).toEqual(bare('billed'));
    expect(
      await app.fails(update, { id: 'billed', input: { id: 'billed', email: 'a\u0000' } }),
    ).toMatchObject(invalid('input.email: must not contain control characters', 'updateUser'));
  });
});

describe('a user who was merged into another', () => {
  beforeAll(async () => {
    for (const id of ['survivor', 'merged']) await createUser(app.database.prisma, { id });
    await merge('merged', 'survivor');
  });

  it('is found as the survivor', async () => {
    expect(await app.ok(retrieve, { id: 'merged' })).toEqual({ user: bare('survivor') });
  });

  it('is not listed', async () => {
    const { users } = await app.ok('{ users { id } }');
    expect(users).toContainEqual({ id: 'survivor' });
    expect(users).not.toContainEqual({ id: 'merged' });
  });

  it('keeps its id taken', async () => {
    expect(await app.fails(create, { input: { id: 'merged' } })).toMatchObject(taken('merged', 'createUser'));
    expect(await app.fails(update, { id: 'survivor', input: { id: 'merged' } })).toMatchObject(
      taken('merged', 'updateUser'),
    );
  });

  it('is changed under its own id: the change and the id that stays are the survivor’s', async () => {
    expect(await app.ok(update, { id: 'merged', input: { id: 'merged', name: 'One' } })).toEqual({
      updateUser: { ...bare('survivor'), name: 'One' },
    });
    expect(await app.ok(update, { id: 'merged', input: { id: 'renamed', name: null } })).toEqual({
      updateUser: bare('renamed'),
    });
    expect(await app.ok(update, { id: 'merged', input: { id: 'survivor' } })).toEqual({
      updateUser: bare('survivor'),
    });
  });

  it('stays imported when it is changed under its own id', async () => {
    const { prisma } = app.database;
    const imported = { environmentId: 'test', imported: true };
    for (const id of ['a@x.io', 'b@x.io']) await prisma.user.create({ data: { ...imported, id } });
    await merge('b@x.io', 'a@x.io');
    await app.ok(update, { id: 'b@x.io', input: { id: 'b@x.io', name: 'B' } });
    expect(await prisma.user.findFirst({ where: { id: 'a@x.io' } })).toMatchObject({
      ...imported,
      name: 'B',
    });
  });

  it('passes a change on to the survivor', async () => {
    expect(await app.ok(update, { id: 'merged', input: { id: 'survivor', name: 'Both' } })).toEqual({
      updateUser: { ...bare('survivor'), name: 'Both' },
    });
  });
});

it.each([
  ['the survivor’s id', 'target'],
  ['its own', 'merging'],
])(
  'updateUser changes the survivor when the user is merged in the meantime, given %s',
  async (_what, kept) => {
    await app.database.prisma.user.deleteMany({ where: { id: 'merging' } });
    await app.database.prisma.user.deleteMany({ where: { id: 'target' } });
    for (const id of ['target', 'merging']) await createUser(app.database.prisma, { id });
    const merger = await app.database.hot.connect();
    await merger.query('begin');
    await merger.query(
      `update "user" set merged_into = (select key from "user" where id = 'target') where id = 'merging'`,
    );
    const pending = app.ok(update, { id: 'merging', input: { id: kept, name: 'Both' } });
    await someoneWaits(app.database);
    await merger.query('commit');
    merger.release();
    expect(await pending).toEqual({ updateUser: { ...bare('target'), name: 'Both' } });
  },
);

describe('users', () => {
  const live = async (query: string, variables?: object) =>
    (await app.ok(query, variables, app.keys.live)).users;

  beforeAll(async () => {
    for (const id of ['z', 'a', 'm']) await app.ok(create, { input: { id } }, app.keys.live);
  });

  it('are listed by creation', async () => {
    expect(await live(`query listUsers { users { ${fields} } }`)).toEqual([bare('z'), bare('a'), bare('m')]);
  });

  it('are paged with first and after', async () => {
    const page = 'query ($first: Int, $after: String) { users(first: $first, after: $after) { id } }';
    expect(await live(page, { first: 2 })).toEqual([{ id: 'z' }, { id: 'a' }]);
    expect(await live(page, { first: 2, after: 'a' })).toEqual([{ id: 'm' }]);
    expect(await live(page, { after: 'm' })).toEqual([]);
    expect(await app.fails(page, { after: 'nobody' }, app.keys.live)).toMatchObject(
      invalid('after: there is no item with the id "nobody"', 'users'),
    );
  });

  it('run the literal example of the original, whose id is ignored', async () => {
    expect(await live('query listUsers($id: String!) { users(id: $id) { id } }', { id: 'nobody' })).toEqual([
      { id: 'z' },
      { id: 'a' },
      { id: 'm' },
    ]);
  });

  it('are those of the environment of the key', async () => {
    expect(await app.fails(retrieve, { id: 'z' })).toMatchObject(notFound('z', 'user'));
    expect(await app.ok(create, { input: { id: 'z' } })).toEqual({ createUser: bare('z') });
    expect(await live('{ users { id } }')).toHaveLength(3);
  });

  it.each([
    ['user', '{ user(id: "124") { id } }'],
    ['users', '{ users { id } }'],
    ['createUser', 'mutation { createUser(input: { id: "sneaked" }) { id } }'],
    ['updateUser', 'mutation { updateUser(id: "124", input: { id: "sneaked" }) { id } }'],
  ])('%s needs a private key', async (_name, query) => {
    const refused = { extensions: { code: 'UNAUTHENTICATED' } };
    expect(await app.fails(query, {}, 'prv_test_00000000000000000000000000000000')).toMatchObject(refused);
    expect(await app.fails(query, {}, app.keys.publicTest)).toMatchObject(refused);
    expect(await app.fails(retrieve, { id: 'sneaked' })).toMatchObject(notFound('sneaked', 'user'));
  });
});
