import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createUser } from '../helpers/factories.ts';
import { someoneWaits } from '../helpers/locks.ts';

// An environment that has more to do than its share says so at once, and finishes what it accepted. The other
// environment, and people who sign in, are not concerned.

let app: TestApp;
beforeEach(async () => {
  app = await startTestApp({ capacity: 2 });
  for (const id of ['124', '125']) await createUser(app.database.prisma, { id });
});
afterEach(() => app.close());

const rename =
  'mutation ($id: String!, $name: String!) { updateUser(id: $id, input: { id: $id, name: $name }) { name } }';
const names = { 124: 'Ada', 125: 'Grace' };

/** Fills the server with changes of two users that wait for the locks of their rows while `work` runs. */
async function whileFull(work: () => Promise<void>) {
  const holder = await app.database.hot.connect();
  try {
    await holder.query(`begin; select from "user" for update`);
    const accepted = Object.entries(names).map(([id, name]) => app.ok(rename, { id, name }));
    await someoneWaits(app.database, 2);
    await work();
    await holder.query('rollback');
    return await Promise.all(accepted);
  } finally {
    holder.release();
  }
}

/** The paths for private keys. */
const doors = [
  ['post', '/graphql'],
  ['post', '/segment/events'],
  ['post', '/cli/validate'],
  ['post', '/cli/publish'],
  ['get', '/cli/pull'],
] as const;

const overloaded = {
  errors: [
    {
      message: 'The server is overloaded. Try again in a second.',
      extensions: { code: 'OVERLOADED' },
    },
  ],
};

test('a full server refuses at once, and finishes what it accepted', async () => {
  const finished = await whileFull(async () => {
    for (const [method, path] of doors) {
      const { status, headers, body } = await app.http[method](path)
        .set('Authorization', app.keys.test)
        .send(method === 'post' ? { query: '{ users { id } }' } : undefined);
      expect([path, status, headers['retry-after'], body]).toEqual([path, 503, '1', overloaded]);
    }
    const reader = app.http.post('/client/graphql').set('Authorization', app.keys.publicTest);
    expect((await reader.set('X-User-ID', '124').send({ query: '{ currentUser { id } }' })).status).toBe(503);
  });

  expect(finished).toEqual(Object.values(names).map((name) => ({ updateUser: { name } })));
  expect(await app.ok('{ users { id } }')).toEqual({ users: [{ id: '124' }, { id: '125' }] });
});

test('a full server refuses before it reads what was sent', async () => {
  await whileFull(async () => {
    const { status, body } = await app.http
      .post('/graphql')
      .set('Authorization', app.keys.test)
      .set('Content-Type', 'application/json')
      .send('{');
    expect([status, body]).toEqual([503, overloaded]);
  });
});

test('an environment that is full keeps neither the other one nor people who sign in waiting', async () => {
  await whileFull(async () => {
    expect(await app.ok('{ users { id } }', {}, app.keys.live)).toEqual({ users: [] });
    const signedIn = await app.http
      .post('/console/session')
      .set('X-Kana-Console', 'test')
      .send({ key: app.keys.test });
    expect(signedIn.status).toBe(200);
    expect((await app.http.post('/graphql').send({ query: '{ users { id } }' })).status).toBe(401);
  });
});

test('a full server is still seen to be live and ready', async () => {
  await whileFull(async () => {
    for (const path of ['/health/live', '/health/ready']) expect((await app.http.get(path)).status).toBe(200);
  });
});
