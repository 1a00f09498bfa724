import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Prisma } from '../../../src/database/generated/client.ts';
import { findDifferences } from '../../../src/usage/ledger/verify-store.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../../helpers/factories.ts';

const merge = 'mutation ($ids: [String!]!) { mergeUsers(ids: $ids) { id name email billingId metadata } }';
const remove = 'mutation ($id: String!) { deleteUser(id: $id) { id } }';
const retrieve = 'query ($id: String!) { user(id: $id) { id } }';
const record =
  'mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded duplicate } }';
const used = `query ($userId: String!) {
  canUseFeature(userId: $userId, featureId: "messages") { consumption { used budget } }
}`;

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'messages' });
  const messages = (limit: number) => [{ id: 'messages', limit }];
  await createPackage(prisma, { id: 'small', features: messages(10) });
  await createPackage(prisma, { id: 'large', features: messages(100) });
  await createPackage(prisma, { id: 'extra', isAddon: true, features: messages(1_000) });
  await createPackage(prisma, { id: 'large-extra', isAddon: true, features: messages(5), bases: ['large'] });
});
afterAll(() => app.close());

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute));

/** Makes users in this order. */
async function people(...ids: string[]) {
  for (const id of ids) await createUser(app.database.prisma, { id });
}
const subscribe = (userId: string, packageId: string, startedAt = at(0)) =>
  createSubscription(app.database.prisma, { userId, packageId, startedAt });
const use = (userId: string, input: object = {}) =>
  app.ok(record, { input: { userId, featureId: 'messages', ...input } });
const usedBy = async (userId: string) => (await app.ok(used, { userId })).canUseFeature.consumption;
const rowOf = (id: string) =>
  app.database.prisma.user.findFirstOrThrow({ where: { environmentId: 'test', id } });
const differences = () => findDifferences(app.database.hot, 0n, 2n ** 62n);

const failure = (code: string, name: string, message: string, path: string) => ({
  message,
  path: [path],
  extensions: { code, exception: { name, message } },
});
const notFound = (id: string, path: string) =>
  failure('NOT_FOUND', 'UserNotFoundError', `There is no user with the id "${id}".`, path);

describe('mergeUsers', () => {
  it('answers the user who was created first, with the gaps filled from the others', async () => {
    const { prisma } = app.database;
    const facts = { environmentId: 'test', createdAt: at(2) };
    await prisma.user.createMany({
      data: [
        {
          ...facts,
          id: 'later',
          name: 'Later',
          email: 'later@x.io',
          billingId: 'cus_later',
          metadata: { a: 1, b: 1 },
        },
        { ...facts, id: 'first', name: 'First', metadata: { b: 2 }, createdAt: at(1) },
      ],
    });
    expect(await app.ok(merge, { ids: ['later', 'first'] })).toEqual({
      mergeUsers: {
        id: 'first',
        name: 'First',
        email: 'later@x.io',
        billingId: 'cus_later',
        metadata: { a: 1, b: 2 },
      },
    });
  });

  it('lets every id lead to the survivor, those of earlier merges too, and lists the survivor alone', async () => {
    await people('root', 'branch', 'leaf');
    await app.ok(merge, { ids: ['branch', 'leaf'] });
    await app.ok(merge, { ids: ['leaf', 'root'] });
    for (const id of ['root', 'branch', 'leaf'])
      expect(await app.ok(retrieve, { id })).toEqual({ user: { id: 'root' } });
    const { key } = await rowOf('root');
    expect([await rowOf('branch'), await rowOf('leaf')]).toMatchObject([
      { mergedInto: key },
      { mergedInto: key },
    ]);
    const listed = (await app.ok('{ users { id } }')).users.map(({ id }: { id: string }) => id);
    expect(listed).toContain('root');
    expect(listed).not.toContain('branch');
    expect(listed).not.toContain('leaf');
  });

  it('adds up what was used, before the merge and after it, under any of the ids', async () => {
    await people('sum-1', 'sum-2', 'sum-3');
    await subscribe('sum-1', 'large');
    await use('sum-1', { delta: 1 });
    await use('sum-2', { delta: 20 });
    await use('sum-3', { delta: 4 });
    await app.ok(merge, { ids: ['sum-1', 'sum-2', 'sum-3'] });
    expect(await usedBy('sum-1')).toEqual({ used: 25, budget: 100 });
    await use('sum-3', { delta: 30 });
    expect(await usedBy('sum-2')).toEqual({ used: 55, budget: 100 });
    expect(await differences()).toEqual([]);
  });

  it('counts usage only where a subscription had begun, and not yet ended, when it was used', async () => {
    await people('begun', 'earlier');
    await subscribe('begun', 'small', at(10));
    await use('earlier', { delta: 3, timestamp: at(9).toISOString() });
    await use('earlier', { delta: 4, timestamp: at(10).toISOString() });
    await app.ok(merge, { ids: ['begun', 'earlier'] });
    expect(await usedBy('earlier')).toEqual({ used: 4, budget: 10 });
  });

  it('reads a SET as the last word of one user, whichever of the ids it came under', async () => {
    await people('set-1', 'set-2', 'set-3', 'set-4');
    for (const userId of ['set-1', 'set-3']) await subscribe(userId, 'large');

    await use('set-1', { delta: 50 });
    await use('set-2', { action: 'SET', delta: 7 });
    await use('set-1', { delta: 2 });
    await app.ok(merge, { ids: ['set-1', 'set-2'] });
    expect(await usedBy('set-1')).toEqual({ used: 9, budget: 100 });

    await app.ok(merge, { ids: ['set-3', 'set-4'] });
    await use('set-3', { delta: 50 });
    await use('set-4', { action: 'SET', delta: 7 });
    await use('set-3', { delta: 2 });
    expect(await usedBy('set-3')).toEqual({ used: 9, budget: 100 });
    expect(await differences()).toEqual([]);
  });

  it('keeps the base package of the survivor, and cancels the other one at that moment', async () => {
    await people('keeps', 'loses');
    const kept = await subscribe('keeps', 'small');
    const lost = await subscribe('loses', 'large');
    const carried = await subscribe('loses', 'extra');
    const stranded = await subscribe('loses', 'large-extra');
    const before = new Date();
    await app.ok(merge, { ids: ['keeps', 'loses'] });
    const { subscriptions } = await app.ok(
      '{ subscriptions(userId: "loses") { id userId status endedAt package { id } } }',
    );
    const row = ({ id, packageId }: { id: bigint; packageId: string }, status: string, endedAt: unknown) => ({
      id: `${id}`,
      userId: 'keeps',
      status,
      endedAt,
      package: { id: packageId },
    });
    const moment = subscriptions[1].endedAt;
    expect(subscriptions).toEqual([
      row(kept, 'ACTIVE', null),
      row(lost, 'CANCELLED', moment),
      row(carried, 'ACTIVE', null),
      row(stranded, 'CANCELLED', moment),
    ]);
    expect(new Date(moment).getTime()).toBeGreaterThanOrEqual(before.getTime());
    expect(new Date(moment).getTime()).toBeLessThanOrEqual(Date.now());
  });

  it('lets the survivor cancel what came from the other', async () => {
    await people('heir', 'giver');
    const { id } = await subscribe('giver', 'small');
    await app.ok(merge, { ids: ['heir', 'giver'] });
    expect(
      await app.ok('mutation ($id: String!) { cancelSubscription(id: $id) { userId status } }', {
        id: `${id}`,
      }),
    ).toEqual({ cancelSubscription: { userId: 'heir', status: 'CANCELLED' } });
  });

  it('moves rows as they are, in every column but the user', async () => {
    const { prisma } = app.database;
    await people('owner', 'moved');
    const [{ key: owner }, { key: moved }] = [await rowOf('owner'), await rowOf('moved')];
    await prisma.subscription.create({
      data: {
        userKey: moved,
        environmentId: 'test',
        packageId: 'small',
        isAddon: false,
        status: 'CANCELLED',
        startedAt: at(1),
        endedAt: at(3),
        trialEnd: at(2),
        followsId: 1n,
        carried: { messages: { anchor: at(1), from: at(1) } },
        createdAt: at(0),
        provider: 'STRIPE',
        providerSubscriptionId: 'sub_1',
        providerItemId: 'si_1',
        providerStatus: 'canceled',
        providerCancelsAt: at(3),
      },
    });
    await prisma.usageEvent.create({
      data: {
        userKey: moved,
        environmentId: 'test',
        featureId: 'messages',
        action: 'SET',
        delta: 5,
        occurredAt: at(1),
        recordedAt: at(4),
        idempotencyKey: 'kept',
        source: 'SEGMENT',
        note: 'a note',
      },
    });
    const rowsOf = async (userKey: bigint) => [
      ...(await prisma.subscription.findMany({ where: { userKey } })),
      ...(await prisma.usageEvent.findMany({ where: { userKey }, omit: { wholeDelta: true } })),
    ];
    const before = await rowsOf(moved);
    expect(before.flatMap((row) => Object.values(row))).not.toContain(null);
    await app.ok(merge, { ids: ['owner', 'moved'] });
    expect(await rowsOf(owner)).toEqual(before.map((row) => ({ ...row, userKey: owner })));
    expect(await rowsOf(moved)).toEqual([]);
    expect(await prisma.usageCounter.findMany({ where: { userKey: { in: [owner, moved] } } })).toMatchObject([
      { userKey: owner, used: new Prisma.Decimal(5) },
    ]);
  });

  it('loses no usage where both had used the same idempotency key, and keeps the earlier one’s key', async () => {
    await people('key-1', 'key-2');
    await subscribe('key-1', 'large');
    await use('key-2', { delta: 5, idempotencyKey: 'shared' });
    await use('key-1', { delta: 7, idempotencyKey: 'shared' });
    await use('key-1', { delta: 1, idempotencyKey: 'own' });
    await app.ok(merge, { ids: ['key-1', 'key-2'] });
    expect(await usedBy('key-1')).toEqual({ used: 13, budget: 100 });

    expect(await use('key-1', { delta: 5, idempotencyKey: 'shared' })).toEqual({
      recordUsage: { recorded: true, duplicate: true },
    });
    expect(await use('key-2', { delta: 1, idempotencyKey: 'own' })).toEqual({
      recordUsage: { recorded: true, duplicate: true },
    });
    const message = 'The idempotency key "shared" was used before with another feature, delta or action.';
    expect(
      await app.fails(record, {
        input: { userId: 'key-1', featureId: 'messages', delta: 7, idempotencyKey: 'shared' },
      }),
    ).toMatchObject(failure('CONFLICT', 'IdempotencyKeyConflictError', message, 'recordUsage'));
    expect(await usedBy('key-1')).toEqual({ used: 13, budget: 100 });
  });

  it('can be repeated: ids that lead to one user count once, and change nothing', async () => {
    await people('again', 'and-again', 'new');
    await subscribe('again', 'small');
    await app.ok(merge, { ids: ['again', 'and-again'] });
    const before = await rowOf('again');
    expect(await app.ok(merge, { ids: ['and-again', 'again'] })).toMatchObject({
      mergeUsers: { id: 'again' },
    });
    expect(await rowOf('again')).toEqual(before);
    expect(await app.ok(merge, { ids: ['and-again', 'new'] })).toMatchObject({ mergeUsers: { id: 'again' } });
    expect(await app.ok(retrieve, { id: 'new' })).toEqual({ user: { id: 'again' } });
  });

  it('keeps the merged id taken', async () => {
    await people('holder', 'held');
    await app.ok(merge, { ids: ['holder', 'held'] });
    const taken = (path: string) =>
      failure('CONFLICT', 'UserAlreadyExistsError', 'A user with the id "held" already exists.', path);
    expect(await app.fails('mutation { createUser(input: { id: "held" }) { id } }')).toMatchObject(
      taken('createUser'),
    );
    expect(
      await app.fails('mutation { updateUser(id: "holder", input: { id: "held" }) { id } }'),
    ).toMatchObject(taken('updateUser'));
  });

  it.each([
    ['no id', [], 'ids: must name at least two users'],
    ['one id', ['a'], 'ids: must name at least two users'],
    ['an id twice', ['a', 'b', 'a'], 'ids.2: names a user that was named before'],
    ['a blank id', ['a', ' '], 'ids.1: must not be blank'],
    ['101 ids', Array.from({ length: 101 }, (_, index) => `${index}`), 'ids: must name at most 100 users'],
  ])('refuses %s', async (_name, ids, message) => {
    expect(await app.fails(merge, { ids })).toMatchObject(
      failure('BAD_USER_INPUT', 'ValidationError', message, 'mergeUsers'),
    );
  });

  it('merges 100 users', async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `hundred-${index}`);
    await people(...ids);
    for (const userId of ids) await use(userId);
    await subscribe('hundred-99', 'large');
    expect(await app.ok(merge, { ids: ids.toReversed() })).toMatchObject({ mergeUsers: { id: 'hundred-0' } });
    expect(await usedBy('hundred-50')).toEqual({ used: 100, budget: 100 });
  });

  it('refuses an unknown user, one of another environment too, and changes nothing', async () => {
    await people('alone', 'lonely');
    await createUser(app.database.prisma, { id: 'foreign' }, { in: 'live' });
    const [before] = [await rowOf('alone')];
    for (const id of ['nobody', 'foreign'])
      expect(await app.fails(merge, { ids: ['alone', id, 'lonely'] })).toMatchObject(
        notFound(id, 'mergeUsers'),
      );
    expect(await rowOf('alone')).toEqual(before);
    expect(await app.ok(retrieve, { id: 'lonely' })).toEqual({ user: { id: 'lonely' } });
  });
});

describe('deleteUser', () => {
  it('leaves nothing of the user behind, and frees every id', async () => {
    const { prisma } = app.database;
    await people('gone', 'gone-too');
    await subscribe('gone', 'small');
    await use('gone', { delta: 3 });
    await app.ok(merge, { ids: ['gone', 'gone-too'] });
    const { key } = await rowOf('gone');
    const countAll = async () => [
      await prisma.user.count({ where: { OR: [{ key }, { mergedInto: key }] } }),
      await prisma.subscription.count({ where: { userKey: key } }),
      await prisma.usageEvent.count({ where: { userKey: key } }),
      await prisma.usageCounter.count({ where: { userKey: key } }),
    ];
    expect(await countAll()).toEqual([2, 1, 1, 1]);
    expect(await app.ok(remove, { id: 'gone' })).toEqual({ deleteUser: { id: 'gone' } });
    expect(await countAll()).toEqual([0, 0, 0, 0]);
    for (const id of ['gone', 'gone-too']) {
      expect(await app.fails(retrieve, { id })).toMatchObject(notFound(id, 'user'));
      await app.ok('mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }', {
        input: { id },
      });
    }
    await subscribe('gone', 'small');
    expect(await usedBy('gone')).toEqual({ used: 0, budget: 10 });
  });

  it('takes the id of a user who was merged for the survivor', async () => {
    await people('one', 'same-one');
    await app.ok(merge, { ids: ['one', 'same-one'] });
    expect(await app.ok(remove, { id: 'same-one' })).toEqual({ deleteUser: { id: 'one' } });
    expect(await app.fails(retrieve, { id: 'one' })).toMatchObject(notFound('one', 'user'));
  });

  it('touches nobody else', async () => {
    await people('stays', 'goes');
    await subscribe('stays', 'small');
    await use('stays', { delta: 2 });
    await app.ok(remove, { id: 'goes' });
    expect(await usedBy('stays')).toEqual({ used: 2, budget: 10 });
  });

  it('refuses an id that nobody has, a user of another environment, and an id that is none', async () => {
    await createUser(app.database.prisma, { id: 'abroad' }, { in: 'live' });
    for (const id of ['nobody', 'abroad'])
      expect(await app.fails(remove, { id })).toMatchObject(notFound(id, 'deleteUser'));
    expect(await app.fails(remove, { id: '' })).toMatchObject(
      failure('BAD_USER_INPUT', 'ValidationError', 'id: must not be blank', 'deleteUser'),
    );
    expect(await app.ok(retrieve, { id: 'abroad' }, app.keys.live)).toEqual({ user: { id: 'abroad' } });
  });
});

it.each([
  ['mergeUsers', 'mutation { mergeUsers(ids: ["safe", "sound"]) { id } }'],
  ['deleteUser', 'mutation { deleteUser(id: "safe") { id } }'],
])('%s needs a private key', async (_name, query) => {
  for (const id of ['safe', 'sound'])
    await app.database.prisma.user.upsert({
      where: { environmentId_id: { environmentId: 'test', id } },
      create: { environmentId: 'test', id },
      update: {},
    });
  const refused = { extensions: { code: 'UNAUTHENTICATED' } };
  expect(await app.fails(query, {}, 'prv_test_00000000000000000000000000000000')).toMatchObject(refused);
  expect(await app.fails(query, {}, app.keys.publicTest)).toMatchObject(refused);
  expect(await app.ok(retrieve, { id: 'sound' })).toEqual({ user: { id: 'sound' } });
});
