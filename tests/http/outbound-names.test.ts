import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { createPost as createRealPost } from '../../src/http/outbound.ts';
import { hostsOf } from '../../src/http/resolve-host.ts';
import { type NameServer, startNameServer } from './name-server.ts';

/* Names are resolved by a real name server, which says at each question what the test wants. */

const limits = { timeoutMs: 10_000, maxReadBytes: 1_000, maxKeptChars: 100 };
const refusal = { problem: 'The address is in a private network.' };
const createPost =
  (...args: Parameters<typeof createRealPost>) =>
  (url: string) =>
    createRealPost(...args)(url, { headers: {}, body: '{}' }, new AbortController().signal);

let names: NameServer | undefined;
const servers: Server[] = [];
afterEach(async () => {
  await names?.close();
  names = undefined;
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A receiver whose answers hold its own address. */
async function receive(address: string, port = 0): Promise<number> {
  const server = createServer((_request, response) => response.end(address));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  return (server.address() as AddressInfo).port;
}

test.each([
  ['to one of this machine', ['127.0.0.1']],
  ['to metadata of a cloud', ['169.254.169.254']],
  ['to several addresses, one of them private', ['93.184.215.14', '127.0.0.1']],
  ['to private addresses of both kinds', ['::1', '127.0.0.1']],
])('a name that leads %s is refused when the connection is made', async (_what, addresses) => {
  names = await startNameServer(() => addresses);
  const port = await receive('127.0.0.1');
  const post = createPost(false, limits, [names.address]);
  expect(await post(`http://hooks.example.com:${port}/`)).toEqual(refusal);
});

test('a name is asked again for each connection: one that becomes private after the check is refused', async () => {
  // The first address is one of the internet that answers nobody (AS112).
  const answers = [['192.175.48.1'], ['127.0.0.1']];
  let asked = 0;
  names = await startNameServer(() => answers[Math.min(Math.floor(asked++ / 2), 1)] ?? []);
  const port = await receive('127.0.0.1');
  const post = createPost(false, { ...limits, timeoutMs: 300 }, [names.address]);
  const url = `http://hooks.example.com:${port}/`;
  expect(await post(url)).toEqual({ problem: expect.not.stringContaining('private') });
  expect(await post(url)).toEqual(refusal);
});

test('names that nobody answers for delay no other name', async () => {
  names = await startNameServer((name) => (name.startsWith('dead') ? null : ['127.0.0.1']));
  const port = await receive('127.0.0.1');
  const post = createPost(true, limits, [names.address]);
  let pending = 48;
  const dead = Array.from({ length: pending }, async (_, number) => {
    const answer = await post(`http://dead-${number}.example.com:${port}/`);
    pending -= 1;
    return answer;
  });
  const good = await post(`http://good.example.com:${port}/`);
  expect([good, pending]).toEqual([{ status: 200, body: '127.0.0.1' }, 48]);
  expect(new Set((await Promise.all(dead)).map((answer) => JSON.stringify(answer)))).toEqual(
    new Set(['{"problem":"The host could not be resolved."}']),
  );
});

test('a name that does not exist is told as such', async () => {
  names = await startNameServer(() => []);
  const post = createPost(false, limits, [names.address]);
  expect(await post('http://gone.example.com/')).toEqual({
    problem: 'The host is not known.',
  });
});

test('a name that leads elsewhere is followed, although its former address still answers', async () => {
  let address = '127.0.0.1';
  names = await startNameServer(() => [address]);
  const port = await receive('127.0.0.1');
  await receive('127.0.0.2', port);
  const post = createPost(true, { ...limits, keptMs: 20 }, [names.address]);
  const url = `http://moving.example.com:${port}/`;
  expect(await post(url)).toEqual({ status: 200, body: '127.0.0.1' });
  address = '127.0.0.2';
  const deadline = performance.now() + 5_000;
  let answer = await post(url);
  while ('body' in answer && answer.body === '127.0.0.1' && performance.now() < deadline)
    answer = await post(url);
  expect(answer).toEqual({ status: 200, body: '127.0.0.2' });
});

test('no name server is asked for a name of this machine', async () => {
  names = await startNameServer(() => null);
  const port = await receive('127.0.0.1');
  expect(await createPost(true, limits, [names.address])(`http://localhost:${port}/`)).toEqual({
    status: 200,
    body: '127.0.0.1',
  });
  const refused = createPost(false, limits, [names.address]);
  for (const host of ['localhost', 'localhost.', 'metadata', 'metadata.google.internal', 'printer.local'])
    expect(await refused(`http://${host}:${port}/`)).toEqual(refusal);
  expect(names.asked).toEqual([]);
});

test('the hosts file counts', () => {
  const text =
    '# comment\n127.0.0.1\tlocalhost\n10.0.0.5  Hooks.example.com other # hooks2.example.com\n::1 localhost\nbroken';
  expect(hostsOf(text, 'hooks.example.com.')).toEqual([{ address: '10.0.0.5', family: 4 }]);
  expect(hostsOf(text, 'localhost').map(({ address }) => address)).toEqual(['127.0.0.1', '::1']);
  expect(hostsOf(text, 'hooks2.example.com')).toEqual([]);
});
