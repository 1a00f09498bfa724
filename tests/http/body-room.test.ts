import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createUser } from '../helpers/factories.ts';
import { parseFigures } from '../helpers/figures.ts';
import { someoneWaits } from '../helpers/locks.ts';

// Bodies that are on their way in, or are worked on, share the memory that there is for them: here 1 MiB.

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const metrics = createMetrics();

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ bodyRoom: mebibyte, metrics });
  await createUser(app.database.prisma, { id: '124' });
});
afterAll(() => app.close());

/** Resolves once so many bytes of bodies are held. */
async function held(bytes: number): Promise<void> {
  const told = async () =>
    parseFigures(`${await metrics.registry.metrics()}\n`).get(
      'kana_request_bodies_bytes{environment="test"}',
    );
  while ((await told()) !== bytes) await turn();
}

/** Sends the beginning of a body that is announced to be as long as one may be. */
async function begin(bytes: number): Promise<Socket> {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  const headers = ['POST /graphql HTTP/1.1', 'Host: localhost', `Authorization: ${app.keys.test}`];
  socket.write([...headers, `Content-Length: ${mebibyte}`, '', ''].join('\r\n'));
  socket.write(' '.repeat(bytes));
  return socket;
}

/** An operation of so many bytes; more than 64 KiB come in several pieces. */
const operation = (bytes: number, query = '{ users { id } }') => ({
  method: 'POST',
  headers: { Authorization: app.keys.test, 'Content-Type': 'application/json' },
  body: JSON.stringify({ query }).padEnd(bytes),
});

const overloaded = {
  errors: [
    {
      message: 'The server is overloaded. Try again in a second.',
      extensions: { code: 'OVERLOADED' },
    },
  ],
};

test('a body that there is no room for is refused, and read once those before it are gone', async () => {
  const others = [await begin(300 * kibibyte), await begin(600 * kibibyte)];
  await held(900 * kibibyte);

  const refused = await fetch(`${app.url}/graphql`, operation(512 * kibibyte));
  expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('connection')]).toEqual([
    503,
    '1',
    'close',
  ]);
  expect(await refused.json()).toEqual(overloaded);
  expect((await metrics.refused.get()).values).toMatchObject([{ value: 1 }]);

  await held(900 * kibibyte);
  for (const socket of others) socket.destroy();
  await held(0);
  const answered = await fetch(`${app.url}/graphql`, operation(mebibyte));
  expect([answered.status, await answered.json()]).toEqual([200, { data: { users: [{ id: '124' }] } }]);
  await held(0);
});

test('a body that comes in one piece needs no room', async () => {
  const other = await begin(mebibyte - 1);
  await held(mebibyte - 1);
  expect(await app.ok('{ users { id } }')).toEqual({ users: [{ id: '124' }] });
  other.destroy();
  await held(0);
});

test('a body in chunks of one byte takes no more memory than is counted', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  const usedBytes = () => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const chunks = 200_000;
  const before = usedBytes();
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
  socket.write(
    `POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${app.keys.test}\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  socket.write('1\r\n \r\n'.repeat(chunks));
  await held(chunks);
  // What was written is garbage by now, and so must the chunks be.
  expect(usedBytes() - before).toBeLessThan(20 * chunks);
  socket.destroy();
  await held(0);
});

test('a body keeps its room until it is answered', async () => {
  const holder = await app.database.hot.connect();
  await holder.query(`begin; select from "user" where id = '124' for update`);
  const rename = 'mutation { updateUser(id: "124", input: { id: "124", name: "Ada" }) { name } }';
  const answering = fetch(`${app.url}/graphql`, operation(512 * kibibyte, rename));
  await someoneWaits(app.database);
  await held(512 * kibibyte);

  await holder.query('rollback');
  holder.release();
  expect((await answering).status).toBe(200);
  await held(0);
});

test('a body that turns out to be too long gives its room back', async () => {
  const sent = { ...operation(0), body: new Blob(['x'.repeat(2 * mebibyte)]).stream(), duplex: 'half' };
  expect((await fetch(`${app.url}/graphql`, sent as RequestInit)).status).toBe(413);
  await held(0);
});
