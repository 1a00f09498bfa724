import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import {
  isForbidden,
  isMissing,
  isOutage,
  openStripe,
  pauseAfter,
  reasonOf,
} from '../../src/billing/stripe.ts';

// Whatever answers in Stripe's place, a call ends soon, with an error that says of which kind it is.

const timeoutMs = 1_200;
const long = Buffer.from(JSON.stringify({ object: 'list', data: ['x'.repeat(17 * 1024 * 1024)] }));
const json = { 'Content-Type': 'application/json' };
const refusal = { error: { type: 'invalid_request_error', message: 'secret words' } };

const ends: Record<string, (response: ServerResponse) => void> = {
  'no answer': () => undefined,
  'headers that never end': (response) => {
    response.socket?.write('HTTP/1.1 200 OK\r\n');
    drip(response, () => response.socket?.write('A: b\r\n'));
  },
  'a body that never ends': (response) => {
    response.writeHead(200, json);
    drip(response, () => response.write(' '));
  },
  'an answer of 17 MiB': (response) => response.writeHead(200, json).end(long),
  'a connection that is closed': (response) => response.socket?.destroy(),
  'a connection that is closed in the middle of the body': (response) => {
    response.writeHead(200, { ...json, 'Content-Length': '1000' });
    response.write('{"object": "list", ');
    setTimeout(() => response.socket?.destroy(), 20);
  },
  'broken JSON': (response) => response.writeHead(200, json).end('{"object": "list", "data": ['),
  'JSON that is nothing': (response) => response.writeHead(200, json).end('null'),
  'JSON of somebody else': (response) => response.writeHead(200, json).end('{"status": "ok"}'),
  'a list without entries': (response) => response.writeHead(200, json).end('{"object": "list"}'),
  'the page of a proxy': (response) => response.writeHead(200).end('<html>Sign in</html>'),
  'a refusal of a proxy': (response) => response.writeHead(403).end('<html>Forbidden</html>'),
  'a redirect': (response) =>
    response
      .writeHead(302, { ...json, Location: 'https://example.com' })
      .end('{"object": "list", "data": []}'),
  'an error without words': (response) => response.writeHead(502).end(),
  'an error of its own': (response) => response.writeHead(500, json).end(JSON.stringify(refusal)),
};

/** Sends a little again and again, as long as somebody listens. */
function drip(response: ServerResponse, send: () => unknown): void {
  const dripping = setInterval(send, 50);
  response.once('close', () => clearInterval(dripping));
}

/** What a call fails with that is answered so. */
async function failureOf(answer: (response: ServerResponse) => void) {
  let calls = 0;
  const server = createServer((_request, response) => {
    calls += 1;
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const apiBase = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stripe = await openStripe('sk_test_ours', { apiBase, timeoutMs });
  const error: unknown = await stripe.customers.list({ limit: 1 }).then(
    () => new Error('it was taken for an answer'),
    (reason: unknown) => reason,
  );
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return { error, calls };
}

test('what is no answer of Stripe counts as an outage, and is asked for three times', async () => {
  const failures = await Promise.all(
    Object.entries(ends).map(async ([name, answer]) => {
      const { error, calls } = await failureOf(answer);
      return `${name}: ${isOutage(error) ? 'outage' : String(error)}, ${calls}`;
    }),
  );
  expect(failures).toEqual(Object.keys(ends).map((name) => `${name}: outage, 3`));
});

test('a refusal of Stripe is none, and is told without its words', async () => {
  const refuse = (status: number, code?: string) =>
    failureOf((response) =>
      response
        .writeHead(status, { ...json, 'Retry-After': '7' })
        .end(JSON.stringify({ error: { ...refusal.error, ...(code === undefined ? {} : { code }) } })),
    );
  const [bad, forbidden, missing, often] = await Promise.all([
    refuse(400),
    refuse(403),
    refuse(404, 'resource_missing'),
    refuse(429),
  ]);
  for (const { error, calls } of [bad, forbidden, missing, often]) {
    expect(isOutage(error)).toBe(false);
    expect(calls).toBe(1);
    expect(reasonOf(error as Parameters<typeof reasonOf>[0])).not.toContain('secret');
  }
  expect(isForbidden(forbidden.error)).toBe(true);
  expect(isMissing(missing.error)).toBe(true);
  expect(pauseAfter(often.error, 1_000)).toBe(7_000);
  expect(pauseAfter(often.error, 8_000)).toBe(8_000);
  expect(pauseAfter(Object.assign(often.error as object, { headers: { 'retry-after': '86400' } }), 1)).toBe(
    60_000,
  );
  expect(pauseAfter(Object.assign(often.error as object, { headers: { 'retry-after': 'soon' } }), 1)).toBe(1);
});
