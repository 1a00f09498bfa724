import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { provision } from '../../src/provisioning/provision.ts';
import { insertDemo } from '../../src/provisioning/store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';

const now = new Date('2026-02-14T12:00:00Z');
const remove = `mutation { removeDemoData { userIds packageIds featureIds kept { id reason } } }`;
const nothing = { userIds: [], packageIds: [], featureIds: [], kept: [] };

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

test('what is in use stays, a second call removes the rest, and no start makes it again', async () => {
  const { prisma } = app.database;
  await insertDemo(prisma, 'test', now);
  await app.ok(`mutation {
    recordUsage(input: { userId: "demo-user", featureId: "api-calls", delta: 5 }) { recorded }
    createUser(input: { id: "own" }) { id }
    subscribe(userId: "own", packageIds: ["free-plan"]) { id } }`);
  const kept = [
    { id: 'free-plan', reason: 'The package "free-plan" cannot be deleted: somebody has subscribed to it.' },
    ...['api-calls', 'messages'].map((id) => ({
      id,
      reason: expect.stringContaining('"free-plan" contains it'),
    })),
  ];
  expect((await app.ok(remove)).removeDemoData).toEqual({
    ...{ userIds: ['demo-user'], packageIds: ['pro-plan', 'extra-messages'], featureIds: ['sso'] },
    kept,
  });
  await app.ok('mutation { deleteUser(id: "own") { id } }');
  expect((await app.ok(remove)).removeDemoData).toEqual({
    ...{ userIds: [], packageIds: ['free-plan'], featureIds: ['api-calls', 'messages'], kept: [] },
  });
  expect((await app.ok(remove)).removeDemoData).toEqual(nothing);
  expect(await app.ok('{ users { id } packages(status: "ALL") { id } features { id } }')).toEqual({
    ...{ users: [], packages: [], features: [] },
  });
  expect(await provision(prisma, { keys: [], demo: true }, now)).toMatchObject({ hasDemo: false });
  const { auditLog } = await app.ok('{ auditLog(subjectType: PACKAGE) { action subjectId } }');
  expect(auditLog.map(({ subjectId }: { subjectId: string }) => subjectId).sort()).toEqual([
    ...['extra-messages', 'free-plan', 'pro-plan'],
  ]);
});

test('what somebody made under the same ids stays', async () => {
  await app.ok(
    `mutation {
      createFeature(input: { id: "sso", name: "Ours", type: BINARY }) { id }
      createPackage(input: { id: "pro-plan", name: "Ours", features: [{ id: "sso" }] }) { id }
      createUser(input: { id: "demo-user" }) { id } }`,
    {},
    app.keys.live,
  );
  expect((await app.ok(remove, {}, app.keys.live)).removeDemoData).toEqual(nothing);
});
