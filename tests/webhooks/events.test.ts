import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { type EventType, eventData } from '../../src/webhooks/outbox/rules.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage } from '../helpers/factories.ts';

// What changes is told, by every way of changing it, in the transaction of the change.

let app: TestApp;
let webhookId: string;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'calls' });
  await createPackage(prisma, { id: 'base', features: ['calls'] });
  await createPackage(prisma, { id: 'bigger', features: ['calls'] });
  await createPackage(prisma, { id: 'addon', isAddon: true, features: ['calls'], bases: ['base'] });
  const { createWebhook } = await app.ok(create, { input: { url: 'http://127.0.0.1:9/', events: ['*'] } });
  webhookId = createWebhook.webhook.id;
});
afterAll(() => app.close());
afterEach(() => app.database.work.query('delete from webhook_event'));

const create =
  'mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { webhook { id } secret } }';

/** The events that were written since the last look, without their envelope; each fits its schema. */
async function events(): Promise<{ type: string; data: Record<string, unknown> }[]> {
  const { rows } = await app.database.work.query(
    `with gone as (delete from webhook_event returning id, type, data) select type, data from gone order by id`,
  );
  for (const { type, data } of rows) z.strictObject(eventData[type as EventType].shape).parse(data);
  return rows;
}

const createUser = (input: object) =>
  app.ok('mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }', { input });
const segment = (event: object) =>
  app.ok('mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }', { event });

describe('users', () => {
  test('created, changed, renamed and deleted', async () => {
    await createUser({ id: 'ada', email: 'ada@example.com' });
    expect(await events()).toEqual([{ type: 'user.created', data: { userId: 'ada' } }]);
    await app.ok('mutation { updateUser(id: "ada", input: { id: "ada", name: "Ada" }) { id } }');
    expect(await events()).toEqual([{ type: 'user.updated', data: { userId: 'ada', changed: ['name'] } }]);
    await app.ok('mutation { updateUser(id: "ada", input: { id: "lovelace" }) { id } }');
    expect(await events()).toEqual([
      { type: 'user.updated', data: { userId: 'lovelace', previousUserId: 'ada', changed: ['id'] } },
    ]);
    await app.ok('mutation { updateUser(id: "lovelace", input: { id: "lovelace" }) { id } }');
    expect(await events()).toEqual([]);
    await app.ok('mutation { deleteUser(id: "lovelace") { id } }');
    expect(await events()).toEqual([{ type: 'user.deleted', data: { userId: 'lovelace' } }]);
  });

  test('imported: created, changed and claimed', async () => {
    const csv = (text: string) =>
      app.ok('mutation ($csv: String!) { importUsers(csv: $csv) { rows { outcome } } }', { csv: text });
    await csv('id,name,email\ni1,One,\n,Two,two@example.com\n');
    expect((await events()).map(({ type, data }) => [type, data.userId])).toEqual([
      ['user.created', 'i1'],
      ['user.created', 'two@example.com'],
    ]);
    await csv('id,name,email\ni1,Uno,\ni2,,two@example.com\n');
    expect(await events()).toEqual([
      { type: 'user.updated', data: { userId: 'i1', changed: ['name'] } },
      {
        type: 'user.updated',
        data: { userId: 'i2', previousUserId: 'two@example.com', changed: ['id', 'imported'] },
      },
    ]);
  });

  test('identified by Segment: created, changed and merged', async () => {
    const identify = (userId: string, traits: object) => segment({ type: 'identify', userId, traits });
    await identify('s1', {});
    expect(await events()).toEqual([{ type: 'user.created', data: { userId: 's1' } }]);
    await identify('s1', { name: 'S' });
    expect(await events()).toEqual([{ type: 'user.updated', data: { userId: 's1', changed: ['name'] } }]);
    await app.ok('mutation ($csv: String!) { importUsers(csv: $csv) { rows { outcome } } }', {
      csv: 'billingId,email\ncus_1,new@example.com\n',
    });
    await events();
    await app.ok('mutation { subscribe(userId: "new@example.com", packageIds: ["base"]) { id } }');
    await events();
    await identify('s1', { email: 'new@example.com' });
    const told = await events();
    expect(told.map(({ type }) => type).sort()).toEqual([
      'subscription.updated',
      'user.merged',
      'user.updated',
    ]);
    expect(told).toContainEqual({
      type: 'user.merged',
      data: { userId: 's1', mergedUserId: 'new@example.com' },
    });
  });
});

describe('subscriptions', () => {
  beforeAll(async () => {
    await createUser({ id: 'sub' });
    await createUser({ id: 'twin' });
    await events();
  });

  test('begun, changed, cancelled, and moved by a merge', async () => {
    const ids = await app.ok('mutation { subscribe(userId: "sub", packageIds: ["base", "addon"]) { id } }');
    const [base, addon] = ids.subscribe.map(({ id }: { id: string }) => id);
    const about = (subscriptionId: string, packageId: string, status: string, userId = 'sub') => ({
      ...{ userId, subscriptionId, packageId, status },
    });
    expect(await events()).toMatchObject([
      { type: 'subscription.created', data: about(base, 'base', 'ACTIVE') },
      { type: 'subscription.created', data: about(addon, 'addon', 'ACTIVE') },
    ]);
    await app.ok('mutation { changePackage(userId: "sub", packageId: "bigger") { subscription { id } } }');
    const changed = await events();
    expect(changed.map(({ type, data }) => [type, data.packageId])).toEqual([
      ['subscription.cancelled', 'base'],
      ['subscription.cancelled', 'addon'],
      ['subscription.created', 'bigger'],
    ]);
    const bigger = changed[2]?.data.subscriptionId as string;
    await app.ok('mutation { mergeUsers(ids: ["twin", "sub"]) { id } }');
    const merged = await events();
    expect(merged).toContainEqual({ type: 'user.merged', data: { userId: 'sub', mergedUserId: 'twin' } });
    const cancelsAt = '2030-01-01T00:00:00.000Z';
    await app.ok(`mutation { cancelSubscription(id: "${bigger}", at: "${cancelsAt}") { id } }`);
    expect(await events()).toMatchObject([
      { type: 'subscription.scheduled', data: { subscriptionId: bigger, cancelsAt, changed: ['cancelsAt'] } },
    ]);
    await app.ok(`mutation { resumeSubscription(id: "${bigger}") { id } }`);
    expect(await events()).toMatchObject([
      { type: 'subscription.updated', data: { subscriptionId: bigger, cancelsAt: null } },
    ]);
    await app.ok('mutation ($id: String!) { cancelSubscription(id: $id) { id } }', { id: bigger });
    expect(await events()).toMatchObject([
      { type: 'subscription.cancelled', data: about(bigger, 'bigger', 'CANCELLED') },
    ]);
  });
});

test('a published package, and its next version', async () => {
  await app.ok('mutation { createPackage(input: { id: "draft", features: [{ id: "calls" }] }) { id } }');
  expect(await events()).toEqual([]);
  await app.ok('mutation { publishPackage(id: "draft") { id } }');
  expect(await events()).toEqual([{ type: 'package.published', data: { packageId: 'draft', version: 1 } }]);
  await app.ok('mutation { createPackageVersion(packageId: "draft") { version } }');
  expect(await events()).toEqual([]);
  await app.ok('mutation { publishPackage(id: "draft") { id } }');
  expect(await events()).toEqual([{ type: 'package.published', data: { packageId: 'draft', version: 2 } }]);
});

test('a Segment event that matches nothing, the first of its name, also where several come at once', async () => {
  const track = (event: string) => segment({ type: 'track', userId: 'anybody', event });
  await Promise.all(Array.from({ length: 10 }, (_, index) => track(`Name ${index % 2}`)));
  expect((await events()).map(({ data }) => data.eventName).sort()).toEqual(['Name 0', 'Name 1']);
  await track('Name 0');
  expect(await events()).toEqual([]);
});

describe('flags', () => {
  const flags = async () =>
    (await events()).flatMap(({ type, data }) => (type === 'flag.raised' ? [data] : []));

  test('users with the same email or billing id, when one gets it', async () => {
    await createUser({ id: 'f1', email: 'Flag@example.com', billingId: 'cus_flag' });
    await createUser({ id: 'f0', email: '', billingId: '' });
    await createUser({ id: 'f00', email: '', billingId: '' });
    expect(await flags()).toEqual([]);
    await createUser({ id: 'f2', email: ' flag@EXAMPLE.com' });
    expect(await flags()).toEqual([{ flag: 'SAME_EMAIL', userIds: ['f1', 'f2'] }]);
    await app.ok('mutation { updateUser(id: "f2", input: { id: "f2", name: "Two" }) { id } }');
    expect(await flags()).toEqual([]);
    await app.ok('mutation { updateUser(id: "f2", input: { id: "f2", billingId: "cus_flag" }) { id } }');
    expect(await flags()).toEqual([{ flag: 'SAME_BILLING_ID', userIds: ['f1', 'f2'] }]);
    await createUser({ id: 'f1', email: 'flag@example.com' }).catch(() => undefined);
    await app.ok('mutation { mergeUsers(ids: ["f1", "f2"]) { id } }');
    expect(await flags()).toEqual([]);
  });

  test('of users that come at the same moment, all but the first', async () => {
    const ids = Array.from({ length: 12 }, (_, index) => `twin-${index}`);
    await Promise.all(ids.map((id) => createUser({ id, email: 'twins@example.com' })));
    const told = await flags();
    expect(told.map(({ userIds }) => (userIds as string[]).length)).toEqual([
      2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10,
    ]);
  });

  test('users that an import brings, each value once', async () => {
    const csv = 'id,name,email\ni10,One,same@example.com\ni11,Two,same@example.com\n';
    await app.ok('mutation ($csv: String!) { importUsers(csv: $csv) { rows { outcome } } }', { csv });
    expect(await flags()).toEqual([{ flag: 'SAME_EMAIL', userIds: ['i10', 'i11'] }]);
  });
});

test('nothing is told of what fails, and nothing where nobody wants to know', async () => {
  await app.fails('mutation { subscribe(userId: "sub", packageIds: ["nothing"]) { id } }');
  await createUser({ id: 'once' });
  await events();
  await app.fails('mutation { createUser(input: { id: "once" }) { id } }');
  expect(await events()).toEqual([]);

  const update =
    'mutation ($id: String!, $input: UpdateWebhookInput!) { updateWebhook(id: $id, input: $input) { id } }';
  await app.ok(update, { id: webhookId, input: { events: ['subscription.*'] } });
  await createUser({ id: 'unheard' });
  expect(await events()).toEqual([]);
  await app.ok('mutation { subscribe(userId: "unheard", packageIds: ["base"]) { id } }');
  expect(await events()).toHaveLength(1);
  await app.ok(update, { id: webhookId, input: { enabled: false } });
  await app.ok('mutation { changePackage(userId: "unheard", packageId: "bigger") { subscription { id } } }');
  expect(await events()).toEqual([]);
  await app.ok(update, { id: webhookId, input: { enabled: true, events: ['*'] } });
});

test('environments are apart', async () => {
  await app.ok('mutation { createUser(input: { id: "other" }) { id } }', {}, app.keys.live);
  expect(await events()).toEqual([]);
});
