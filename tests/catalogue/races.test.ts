import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { someoneWaitsFor } from '../helpers/locks.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

test('what somebody else changes of a feature meanwhile stays, where the file does not speak of it', async () => {
  const created = '{ id: "calls", type: CONSUMABLE, name: "Calls", metadata: { team: "old" } }';
  await app.ok(`mutation { createFeature(input: ${created}) { id } }`);
  const other = await app.database.work.connect();
  await other.query(`begin; update feature set metadata = '{"team":"new"}' where id = 'calls'`);

  const file = { features: [{ id: 'calls', name: 'API calls', type: 'CONSUMABLE' }] };
  const publishing = app.http.post('/cli/publish').set('Authorization', app.keys.test).send(file).then();
  await someoneWaitsFor(app.database, other);
  await other.query('commit');
  other.release();

  expect((await publishing).body.data).toEqual(['Feature "calls": name "Calls" becomes "API calls".']);
  expect(await app.ok('{ feature(id: "calls") { name metadata } }')).toEqual({
    feature: { name: 'API calls', metadata: { team: 'new' } },
  });
});
