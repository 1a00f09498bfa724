import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createUser } from '../helpers/factories.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createUser(app.database.prisma, { id: '124' });
});
afterAll(() => app.close());

const rename = 'mutation { updateUser(id: "124", input: { id: "124", name: "Ada" }) { name } }';

/** Resolves once so many statements wait for locks. */
async function waiting(count: number): Promise<void> {
  for (;;) {
    const { rows } = await app.database.work.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    if (rows.length === count) return;
    await sleep(5);
  }
}

test('changes that wait for one user, on all connections that changes have, keep no other request from its key', async () => {
  const connections = app.database.pools.requests?.options.max ?? 0;
  const holder = await app.database.work.connect();
  await holder.query(`begin; select from "user" where id = '124' for update`);
  const changes = Array.from({ length: connections + 5 }, () => app.ok(rename));
  await waiting(connections);

  const unknown = `prv_test_${'x'.repeat(32)}`;
  for (const path of ['/graphql', '/segment/events', '/cli/publish']) {
    const { status } = await app.http
      .post(path)
      .set('Authorization', unknown)
      .send({ query: '{ users { id } }' });
    expect([path, status]).toEqual([path, 401]);
  }
  expect((await app.http.get('/health/ready')).status).toBe(200);

  await holder.query('rollback');
  holder.release();
  for (const change of await Promise.all(changes)) expect(change).toEqual({ updateUser: { name: 'Ada' } });
});
