import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import { createPost } from '../../src/http/outbound.ts';

const ok = 'HTTP/1.1 200 OK\r\n';

/** What a receiver writes, and what becomes of it. A post that is never answered would keep its webhook for ever. */
test.each([
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n', 101],
  ['another protocol, offered', `${ok}Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n`, 200],
  ['hints, and no answer', 'HTTP/1.1 103 Early Hints\r\n\r\n', 'No answer within 0.2 seconds.'],
  ['less than it says', `${ok}Content-Length: 100\r\n\r\nabc`, 'No answer within 0.2 seconds.'],
  ['no HTTP', 'hello\r\n\r\n', 'The connection failed: HPE_INVALID_CONSTANT.'],
  ['headers without an end', `${ok}X: ${'a'.repeat(100_000)}`, 'The connection failed: HPE_HEADER_OVERFLOW.'],
  ['more than is read', `${ok}Content-Length: 1000000\r\n\r\n${'a'.repeat(1_000_000)}`, 200],
])('a receiver that answers %s', async (_what, text, expected) => {
  const post = createPost(true, { timeoutMs: 200, maxReadBytes: 64 * 1_024, maxKeptChars: 1_000 });
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
