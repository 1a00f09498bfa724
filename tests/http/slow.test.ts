import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readStrangerBody } from '../../src/http/body.ts';
import { type HttpServer, listen } from '../../src/http/server.ts';

// Nobody holds a connection by sending slowly, or fills the memory with headers.

let server: HttpServer;
beforeAll(async () => {
  const soon = 50;
  server = await listen('127.0.0.1', 0, {
    headersTimeout: soon,
    requestTimeout: soon,
    keepAliveTimeout: soon,
    connectionsCheckingInterval: soon,
  });
  server.open((request, response) => {
    request.resume().once('end', () => response.end('whole'));
  });
});
afterAll(() => server.close());

/** Sends this and then nothing more; answers the first line of what comes before the server closes. */
async function sendOnly(sent: string) {
  const socket = connect(Number(new URL(server.address).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(sent);
  return (await text(socket)).split('\r\n', 1)[0];
}

test.each([
  ['headers stop midway', 'POST / HTTP/1.1\r\nHost: a\r\n', 'HTTP/1.1 408 Request Timeout'],
  [
    'body stops midway',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{',
    'HTTP/1.1 408 Request Timeout',
  ],
  [
    'headers are longer than 16 KiB',
    `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'a'.repeat(17_000)}\r\n\r\n`,
    'HTTP/1.1 431 Request Header Fields Too Large',
  ],
  ['whole text is there', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{', 'HTTP/1.1 200 OK'],
])('a request whose %s is answered, and the connection closed', async (_what, sent, line) => {
  expect(await sendOnly(sent)).toBe(line);
});

test('connections that do nothing give way when there are too many', async () => {
  const few = await listen('127.0.0.1', 0, undefined, 2);
  few.open((_request, response) => response.end('whole'));
  const dial = async () => {
    const socket = connect(Number(new URL(few.address).port), '127.0.0.1');
    socket.on('error', () => undefined);
    const ended = once(socket, 'close');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const answer = await Promise.race([once(socket, 'data'), ended.then(() => ['refused'])]);
    return { answer: String(answer[0]).split('\r\n', 1)[0], ended };
  };
  const idle = [await dial(), await dial()];
  expect((await dial()).answer).toBe('refused');
  await Promise.all(idle.map(({ ended }) => ended));
  expect((await dial()).answer).toBe('HTTP/1.1 200 OK');
  await few.close();
});

test('a body that comes byte by byte is read in pieces with rests, and is whole', async () => {
  const slow = await listen('127.0.0.1', 0);
  let pieces = 0;
  slow.open(async (request, response) => {
    request.on('data', () => {
      pieces += 1;
    });
    const body = await readStrangerBody(request);
    response.end('bytes' in body ? body.bytes : 'refused');
  });
  const socket = connect({ port: Number(new URL(slow.address).port), host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const startedAt = performance.now();
  let received = '';
  socket.on('data', (data) => {
    received += data;
  });
  // Two requests on one connection: the second is read at once.
  for (let count = 0; count < 2; count += 1) {
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\n');
    for (let sent = 0; sent < 300; sent += 1) {
      socket.write('x');
      await sleep(1);
    }
    while (!received.includes('x'.repeat(300))) await sleep(5);
    received = '';
  }
  // Sixteen without a rest, then one in 50 ms at most, however slow this machine is.
  const most = 2 * 17 + (performance.now() - startedAt) / 49;
  socket.destroy();
  await slow.close();
  expect(pieces).toBeLessThanOrEqual(most);
});

describe('a long answer that its client has not read yet is not cut off', () => {
  const answer = Buffer.alloc(64 * 1024 * 1024, 'a');

  /** A server with one place, and a client that has read the beginning of the answer only. */
  async function beginToRead() {
    const one = await listen('127.0.0.1', 0, undefined, 1);
    one.open((_request, response) => response.end(answer));
    const { port } = new URL(one.address);
    const request = get({ host: '127.0.0.1', port, agent: new Agent({ keepAlive: true }) });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return { one, port: Number(port), response };
  }

  test('when others find no place', async () => {
    const { one, port, response } = await beginToRead();
    const refused = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(refused, 'close');
    expect((await buffer(response)).length).toBe(answer.length);
    await one.close();
  });

  test('when the server closes', async () => {
    const { one, response } = await beginToRead();
    const closed = one.close();
    await sleep(50);
    expect((await buffer(response)).length).toBe(answer.length);
    await closed;
  });
});

test('a request that has begun to arrive is answered before the server closes', async () => {
  const one = await listen('127.0.0.1', 0);
  one.open((_request, response) => response.end('whole'));
  const socket = connect(Number(new URL(one.address).port), '127.0.0.1');
  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  socket.write(request);
  await once(socket, 'data');
  socket.write(request.slice(0, 20));
  await sleep(100);
  const closed = one.close();
  await sleep(100);
  socket.write(request.slice(20));
  expect(await text(socket)).toContain('HTTP/1.1 200 OK');
  await closed;
});
