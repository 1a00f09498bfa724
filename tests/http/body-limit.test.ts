import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';

const mebibyte = 1024 * 1024;

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterEach(async () => {
  expect(await app.ok('{ users { id } }')).toEqual({ users: [] });
});
afterAll(() => app.close());

/** A request by hand: what is sent, and what has come back once the server closes the connection. */
function dial() {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
  let received = '';
  socket.setEncoding('utf8').on('data', (text) => {
    received += text;
  });
  // The server may hang up while this side is still sending; what matters is what came before.
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(received));
  });
  return { socket, closed };
}

const head = (...headers: string[]) =>
  ['POST /graphql HTTP/1.1', 'Host: localhost', `Authorization: ${app.keys.test}`, ...headers, '', ''].join(
    '\r\n',
  );

/** Sends chunks until the server hangs up; the most that is sent is 64 MiB. */
async function pour(socket: Socket, chunk: string, closed: Promise<unknown>) {
  for (let sent = 0; sent < 64 * mebibyte && socket.writable; sent += chunk.length)
    // To wait for `drain` fails when the server hangs up meanwhile, which is no failure here.
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain').catch(() => closed), closed]);
}

function expectTooLarge(answer: string) {
  const [status, ...rest] = answer.split('\r\n');
  expect(status).toBe('HTTP/1.1 413 Payload Too Large');
  expect(rest).toContain('Connection: close');
  expect(rest).toContain('Content-Type: application/json; charset=utf-8');
  expect(JSON.parse(rest.at(-1) ?? '')).toEqual({
    errors: [
      {
        message: 'The body of a request may hold at most 1 MiB.',
        extensions: { code: 'PAYLOAD_TOO_LARGE' },
      },
    ],
  });
}

const operation = '{"query": "{ users { id } }"}';

test('a body of exactly 1 MiB is read', async () => {
  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { Authorization: app.keys.test, 'Content-Type': 'application/json' },
    body: operation.padEnd(mebibyte),
  });
  expect([response.status, await response.json()]).toEqual([200, { data: { users: [] } }]);
});

test('a body that comes in many chunks, without a length, is read', async () => {
  const { socket, closed } = dial();
  socket.write(head('Content-Type: application/json', 'Transfer-Encoding: chunked', 'Connection: close'));
  for (const letter of operation) socket.write(`1\r\n${letter}\r\n`);
  socket.write('0\r\n\r\n');
  expect(await closed).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\{"data":\{"users":\[\]\}\}/s);
});

test('a body that is announced as too long is refused before any of it has come', async () => {
  const { socket, closed } = dial();
  socket.write(head('Content-Type: application/json', `Content-Length: ${mebibyte + 1}`));
  expectTooLarge(await closed);
});

test('a body without a length is refused once it is too long', async () => {
  const { socket, closed } = dial();
  socket.write(head('Content-Type: application/json', 'Transfer-Encoding: chunked'));
  socket.write(`${mebibyte.toString(16)}\r\n${' '.repeat(mebibyte)}\r\n`);
  socket.write('1\r\n \r\n');
  expectTooLarge(await closed);
});

test.each([
  ['announced', 'Content-Length: 1000000000', 'x'.repeat(65_536)],
  ['not announced', 'Transfer-Encoding: chunked', `10000\r\n${'x'.repeat(65_536)}\r\n`],
])(
  'a client that goes on sending a body that is too long, %s, still reads why',
  async (_how, header, chunk) => {
    const { socket, closed } = dial();
    socket.write(head('Content-Type: application/json', header));
    await pour(socket, chunk, closed);
    expectTooLarge(await closed);
  },
);

test('a client that breaks off in the middle of a body leaves nothing behind', async () => {
  const { socket, closed } = dial();
  socket.write(head('Content-Type: application/json', 'Content-Length: 1000'));
  socket.write('{"query": "mutation { createUser(input: {id: \\"half\\"}) { id } }"');
  socket.end();
  await closed;
});

test('a body that is too long is refused whoever sends it: without a key, for want of one', async () => {
  const response = await fetch(`${app.url}/graphql`, { method: 'POST', body: 'x'.repeat(mebibyte + 1) });
  expect(response.status).toBe(401);
});
