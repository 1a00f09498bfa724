import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createEmptyDatabase, type TestDatabase } from '../helpers/database.ts';
import { endAll, ensureBuilt, type ServerProcess, startServer } from '../helpers/process.ts';

let database: TestDatabase;
let servers: ServerProcess[];

beforeAll(async () => {
  await ensureBuilt();
  database = await createEmptyDatabase();
  const env = { DATABASE_URL: database.url };
  servers = await Promise.all([startServer(env), startServer(env)]);
});

afterAll(async () => {
  endAll();
  await database.drop();
});

const mutation = (id: string) =>
  JSON.stringify({ query: `mutation { createUser(input: { id: "${id}" }) { id } }` });
const headers = (key: string) => ({ authorization: key, 'content-type': 'application/json' });

const testKey = () => /prv_test_\w{32}/.exec(servers.map((server) => server.stdout()).join(''))?.[0] ?? '';

test('of two instances that start together on an empty database, one makes the keys, and both take them', async () => {
  const welcomes = servers.filter((server) => server.stdout().includes('shown only this once'));
  expect(welcomes).toHaveLength(1);
  expect(welcomes[0]?.stdout()).toContain('createUser'); // No demo on a database of one's own.

  for (const [index, { url }] of servers.entries()) {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: headers(testKey()),
      body: mutation(`user-${index}`),
    });
    expect(await response.json()).toEqual({ data: { createUser: { id: `user-${index}` } } });
  }
});

test('a server that is asked to stop finishes the request it has begun to read, and takes no other', async () => {
  const [server] = servers;
  if (server === undefined) throw new Error('No server');
  const body = mutation('late-user');
  const call = request(`${server.url}/graphql`, {
    method: 'POST',
    headers: { ...headers(testKey()), 'content-length': body.length },
  });
  const answer = new Promise<string>((done, failed) => {
    call.on('error', failed).on('response', (response) => {
      response.setEncoding('utf8').once('data', done);
    });
  });
  await new Promise<void>((written) => call.write(body.slice(0, 10), () => written()));
  await fetch(`${server.url}/graphql`); // By now the half request has arrived as well.

  const ended = server.end('SIGTERM');
  await refused(server.url);
  call.end(body.slice(10));

  expect(JSON.parse(await answer)).toEqual({ data: { createUser: { id: 'late-user' } } });
  expect(await ended).toBe(0);
});

async function refused(url: string): Promise<void> {
  for (;;) {
    const open = await fetch(`${url}/graphql`).then(
      () => true,
      () => false,
    );
    if (!open) return;
  }
}
