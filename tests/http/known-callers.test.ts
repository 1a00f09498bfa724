import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { forCallers } from '../../src/http/admission.ts';
import { createGate } from '../../src/http/gate.ts';
import { sendJson } from '../../src/http/response.ts';
import { createRouter, type Handler } from '../../src/http/router.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

// A route remembers the callers that it was told how long to remember, by their Authorization header.

interface Caller {
  environmentId: string;
  name: string;
}

let asked: string[];
let until: () => number | null;
let server: Server;
let url: string;

beforeAll(async () => {
  const metrics = createMetrics();
  const handle = forCallers<Caller>(
    {
      gate: createGate(metrics.refused),
      rateLimit: { take: (allowance) => (allowance === 'tired' ? 1_000 : 0) },
      allowanceOf: ({ name }) => name,
      knownUntil: () => until(),
      async identify({ authorization: name = 'nobody', cookie }, context) {
        asked.push(cookie === undefined ? name : `${name} ${cookie}`);
        if (name === 'stranger') return null;
        context.bearer = { environmentId: 'test', kind: 'PRIVATE', lastFour: name };
        return { environmentId: 'test', name };
      },
    },
    (_request, response, { caller, context }) =>
      sendJson(response, { status: 200, body: [caller.name, context.bearer?.lastFour] }),
    ((_request, response) => sendJson(response, { status: 401, body: null })) as Handler,
  );
  const log = pino({ level: 'silent' });
  server = createServer(createRouter({ '/': { GET: handle } }, { log, metrics })).listen(0);
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
});

beforeEach(() => {
  asked = [];
  until = () => Number.POSITIVE_INFINITY;
});

async function call(authorization: string | null, cookie?: string): Promise<unknown> {
  const headers = new Headers();
  if (authorization !== null) headers.set('Authorization', authorization);
  if (cookie !== undefined) headers.set('Cookie', cookie);
  const answer = await fetch(url, { headers });
  return answer.ok ? answer.json() : answer.status;
}

test('a caller who is known is not identified again, and is the same to the log', async () => {
  expect(await call('once')).toEqual(['once', 'once']);
  expect(await call('once')).toEqual(['once', 'once']);
  expect(asked).toEqual(['once']);
});

test('another header is another caller', async () => {
  expect(await call('one')).toEqual(['one', 'one']);
  expect(await call('another')).toEqual(['another', 'another']);
  expect(await call('one')).toEqual(['one', 'one']);
  expect(asked).toEqual(['one', 'another']);
});

test('a caller is identified again when the time is over', async () => {
  until = () => performance.now();
  await call('short');
  await call('short');
  expect(asked).toEqual(['short', 'short']);
});

test('a caller of no known time is identified each time', async () => {
  until = () => null;
  await call('console');
  await call('console');
  expect(asked).toEqual(['console', 'console']);
});

test('without the header nobody is remembered', async () => {
  await call(null, 'one');
  await call(null, 'another');
  expect(asked).toEqual(['nobody one', 'nobody another']);
});

test('who was refused is asked about again', async () => {
  expect([await call('stranger'), await call('stranger')]).toEqual([401, 401]);
  expect(asked).toEqual(['stranger', 'stranger']);
});

test('the rate limit counts calls of known callers too', async () => {
  expect([await call('tired'), await call('tired')]).toEqual([429, 429]);
  expect(asked).toEqual(['tired']);
});
