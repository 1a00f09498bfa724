import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createPost } from '../../src/http/outbound.ts';

const ok = 'HTTP/1.1 200 OK\r\n';
const noAnswer = 'No answer within 0.2 seconds.';
const limits = { timeoutMs: 20_000, maxReadBytes: 64 * 1_024, maxKeptChars: 1_000 };

/** What a receiver writes, and what becomes of it. A post that is never answered would keep its webhook for ever. */
test.each([
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n', 101],
  ['another protocol, offered', `${ok}Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n`, 200],
  ['hints, and no answer', 'HTTP/1.1 103 Early Hints\r\n\r\n', noAnswer],
  ['less than it says', `${ok}Content-Length: 100\r\n\r\nabc`, noAnswer],
  ['no HTTP', 'hello\r\n\r\n', 'The connection failed: HPE_INVALID_CONSTANT.'],
  ['headers without an end', `${ok}X: ${'a'.repeat(100_000)}`, 'The connection failed: HPE_HEADER_OVERFLOW.'],
  ['more than is read', `${ok}Content-Length: 1000000\r\n\r\n${'a'.repeat(1_000_000)}`, 200],
])('a receiver that answers %s', async (_what, text, expected) => {
  // Short only where no answer comes: a busy machine needs its time for one.
  const timeoutMs = expected === noAnswer ? 200 : limits.timeoutMs;
  const post = createPost(true, { ...limits, timeoutMs });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(text));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const answer = await post(url, { headers: {}, body: '{}' }, new AbortController().signal);
  server.close();
  expect('status' in answer ? answer.status : answer.problem).toBe(expected);
  expect('body' in answer ? answer.body.length : 0).toBeLessThanOrEqual(1_000);
});

/** Serves one test at a port. */
async function serve<Served>(
  talk: (socket: Socket) => void,
  work: (url: string) => Promise<Served>,
): Promise<Served> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    talk(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}
const send = (post: ReturnType<typeof createPost>, url: string) =>
  post(url, { headers: {}, body: '{}' }, new AbortController().signal);

test('a receiver that only says that it is at work is given up before the deadline', async () => {
  let written = 0;
  const answer = await serve(
    (socket) => {
      const talk = () => {
        written += 1;
        if (!socket.destroyed) socket.write('HTTP/1.1 103 Early Hints\r\n\r\n', () => setImmediate(talk));
      };
      socket.once('data', talk);
    },
    (url) => send(createPost(true, { ...limits, timeoutMs: 60_000 }), url),
  );
  expect(answer).toEqual({ problem: 'The connection failed.' });
  expect(written).toBeGreaterThan(100);
}, 30_000);

test('a receiver that answers a byte at a time is given up at the deadline', async () => {
  const answer = await serve(
    (socket) =>
      socket.once('data', () => {
        socket.write(`${ok}\r\n`);
        const timer = setInterval(() => socket.write('a'), 20);
        socket.on('close', () => clearInterval(timer));
      }),
    (url) => send(createPost(true, { ...limits, timeoutMs: 400 }), url),
  );
  expect(answer).toEqual({ problem: 'No answer within 0.4 seconds.' });
});

test('a receiver that closes a connection which it had kept gets the message on another one', async () => {
  let requests = 0;
  const answers = await serve(
    (socket) => {
      let own = 0;
      socket.on('data', () => {
        own += 1;
        if (own > 1) return socket.destroy();
        requests += 1;
        return socket.write(`${ok}Content-Length: 0\r\n\r\n`);
      });
    },
    async (url) => {
      const post = createPost(true, limits);
      return [await send(post, url), await send(post, url), await send(post, url)];
    },
  );
  expect(answers).toEqual([1, 2, 3].map(() => ({ status: 200, body: '' })));
  expect(requests).toBe(3);
});

test('a receiver that closes each connection before it answers is told as such', async () => {
  const answer = await serve(
    (socket) => socket.once('data', () => socket.destroy()),
    (url) => send(createPost(true, limits), url),
  );
  expect(answer).toEqual({ problem: 'The connection was closed.' });
});

test.each([
  ['429 Too Many Requests', '30', 30_000],
  ['503 Service Unavailable', '999999999999', 3_600_000],
  ['500 Internal Server Error', '30', undefined],
  ['429 Too Many Requests', '-5', undefined],
])('%s with Retry-After: %s', async (status, header, expected) => {
  const answer = await serve(
    (socket) =>
      socket.once('data', () =>
        socket.write(`HTTP/1.1 ${status}\r\nRetry-After: ${header}\r\nContent-Length: 0\r\n\r\n`),
      ),
    (url) => send(createPost(true, limits), url),
  );
  expect(answer).toEqual({
    status: Number(status.slice(0, 3)),
    body: '',
    ...(expected === undefined ? {} : { retryAfterMs: expected }),
  });
});

describe('TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'certificate-'));
  const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  execFileSync(
    'openssl',
    `req -x509 -newkey rsa:2048 -nodes -keyout ${keyFile} -out ${certFile} -days 2 -subj /CN=receiver`.split(
      ' ',
    ),
    { stdio: 'ignore' },
  );
  const certificate = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
  rmSync(directory, { recursive: true });

  test.each([
    [
      'a certificate that nobody signed',
      () => createHttpsServer(certificate, (_request, response) => response.end()),
      'The certificate is not valid: DEPTH_ZERO_SELF_SIGNED_CERT.',
    ],
    [
      'no TLS',
      () => createServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 400 Bad\r\n\r\n')),
      'The receiver did not answer with TLS.',
    ],
  ])('a receiver with %s', async (_what, create, problem) => {
    const server = create();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const answer = await send(createPost(true, { ...limits, timeoutMs: 10_000 }), url);
    server.close();
    expect(answer).toEqual({ problem });
  });
});
