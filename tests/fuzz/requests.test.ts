import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc, { type Arbitrary } from 'fast-check';
import { sendBytes } from './connection.ts';
import { type FuzzedServer, startFuzzedServer } from './server.ts';
import { seed, settings, timeout } from './settings.ts';
import { segmentEvent, text } from './values.ts';

// Every path, with bytes, headers and bodies of all kinds: refused, never answered with a fault of ours.

let server: FuzzedServer;
beforeAll(async () => {
  server = await startFuzzedServer();
});
afterAll(() => server.close());

const latin = (value: string) => Buffer.from(value, 'latin1');
const bytes = fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each));

const method = fc.oneof(
  { weight: 10, arbitrary: fc.constant('POST') },
  {
    weight: 6,
    arbitrary: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE', 'QUERY'),
  },
  { weight: 1, arbitrary: fc.constantFrom('CONNECT', 'get', 'PRI', '', 'POST\u0000', 'X'.repeat(300)) },
);

/** A path that answers, or what looks like one. */
const target = (paths: readonly string[]) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...paths) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.constantFrom(...paths),
          fc.constantFrom(
            '/',
            '//',
            '/..',
            '?',
            '?query={__typename}',
            '?query=%',
            '?a[]=1&a=2',
            '#',
            ';x',
            '%00',
            '%2e%2e',
            '\\',
          ),
        )
        .map((parts) => parts.join('')),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '*',
        '//',
        'http://other.example.com/graphql',
        `/${'a/'.repeat(3_000)}`,
        '/%',
        '/\u00ff',
      ),
    },
  );

const header = (credentials: readonly string[]) =>
  fc.constantFrom(
    ...credentials.map((each) => `Authorization: ${each}`),
    ...[
      'Basic',
      'Basic !!!',
      'Bearer',
      'Bearer a b',
      'Bearer eyJhbGciOiJub25lIn0.e30.',
      'Digest x',
      '\u00ff',
    ].map((each) => `Authorization: ${each}`),
    ...[
      'application/json',
      'application/json; charset=utf-16',
      'text/plain',
      'multipart/form-data; boundary=x',
      '',
      'a/b;;;',
      '\u00ff',
    ].map((each) => `Content-Type: ${each}`),
    ...['gzip', 'br', 'identity', 'x'].map((each) => `Content-Encoding: ${each}`),
    ...[
      '*/*',
      'text/html',
      'application/graphql-response+json',
      'text/event-stream',
      'multipart/mixed',
      ';q=2',
      '',
    ].map((each) => `Accept: ${each}`),
    ...['0', '5', '-1', '1e3', '99999999999', 'NaN', ''].map((each) => `Content-Length: ${each}`),
    ...['chunked', 'gzip, chunked', 'identity', 'x'].map((each) => `Transfer-Encoding: ${each}`),
    ...['100-continue', '200-ok'].map((each) => `Expect: ${each}`),
    ...['close', 'keep-alive', 'Upgrade'].map((each) => `Connection: ${each}`),
    ...['websocket', 'h2c'].map((each) => `Upgrade: ${each}`),
    ...['', '[', 'a b', 'other.example.com:99999'].map((each) => `Host: ${each}`),
    ...['kana_console_test=x', '=;=;', 'kana_console_test', '\u00ff=\u00ff'].map((each) => `Cookie: ${each}`),
    ...['test', 'live', 'other', '__proto__', ''].map((each) => `X-Kana-Console: ${each}`),
    ...['user', '', '%', '%00', '%ff', 'a%20b', '\u00e4'].map((each) => `X-User-ID: ${each}`),
    ...['null', 'https://evil.example.com', '*'].map((each) => `Origin: ${each}`),
    ...['abc', '0'.repeat(40)].map((each) => `X-Signature: ${each}`),
    `X-Long: ${'x'.repeat(20_000)}`,
    'X-Bad\u0000: x',
    'no colon',
    ': no name',
    ' folded',
  );

/** A body that is JSON, nearly so, or nothing of the kind. */
function bodyOf(known: readonly string[]): Arbitrary<Buffer> {
  const operation = fc.record(
    {
      query: fc.oneof(
        fc.constantFrom(
          '{ users { id } }',
          '{ __typename }',
          'mutation { a }',
          '{',
          '{ a: users { id } b: users { id } }',
          '',
        ),
        fc.string({
          unit: fc.constantFrom(
            '{',
            '}',
            '(',
            ')',
            '"',
            'users',
            ' id ',
            '...',
            '$',
            ':',
            '[',
            '@skip',
            '#',
            '\u0000',
          ),
          maxLength: 30,
        }),
        fc.anything(),
      ),
      variables: fc.oneof(fc.jsonValue(), fc.json()),
      operationName: fc.oneof(text(known), fc.jsonValue()),
      extensions: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const catalogue = fc.record(
    {
      features: fc.oneof(
        fc.array(
          fc.record({
            id: text(known),
            name: text(known),
            type: fc.constantFrom('BINARY', 'CONSUMABLE', 'x'),
          }),
        ),
        fc.jsonValue(),
      ),
      packages: fc.oneof(fc.record({ draft: fc.jsonValue(), published: fc.jsonValue() }), fc.jsonValue()),
      addons: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const events = fc.oneof(segmentEvent(known), fc.array(segmentEvent(known), { maxLength: 4 }));
  const sent = fc.oneof(operation, catalogue, events, fc.jsonValue(), fc.record({ key: fc.jsonValue() }));
  const whole = sent.map((value) => Buffer.from(JSON.stringify(value) ?? ''));
  return fc.oneof(
    { weight: 6, arbitrary: whole },
    { weight: 1, arbitrary: fc.tuple(whole, fc.nat(50)).map(([each, cut]) => each.subarray(0, -cut)) },
    { weight: 1, arbitrary: fc.tuple(whole, bytes).map((parts) => Buffer.concat(parts)) },
    { weight: 1, arbitrary: bytes },
    {
      weight: 1,
      arbitrary: fc.constantFrom(...[3, 100_000].map((levels) => Buffer.from('['.repeat(levels)))),
    },
    { weight: 1, arbitrary: fc.constant(Buffer.from(`{"query":"${'{a'.repeat(100_000)}"}`)) },
  );
}

/** What no request may be answered with. 505 is what Node says to another version of HTTP. */
function expectNoFault(status: number | null): void {
  if (status !== null && status !== 505) expect(status).toBeLessThan(500);
}

const manyRuns = { ...settings, numRuns: settings.numRuns * 20 };

/** Writes a request as it is said, and answers the status of the response. */
function send(head: string[], body: Buffer, patience?: number): Promise<number | null> {
  const lines = latin([...head, '', ''].join('\r\n'));
  return sendBytes(server.app.url, Buffer.concat([lines, body]), patience);
}

describe(`with SEED=${seed} and RUNS=${settings.numRuns}`, () => {
  const wellFormed = async () => {
    const { app, known } = server;
    const path = fc.constantFrom(...app.paths);
    const verb = fc.constantFrom('POST', 'POST', 'POST', 'POST', 'GET', 'DELETE');
    const key = fc.constantFrom(app.keys.test, app.keys.test, app.keys.publicTest, 'nobody');
    await fc.assert(
      fc.asyncProperty(path, verb, key, bodyOf(known), async (...[at, by, authorization, body]) => {
        const sent = [`Authorization: ${authorization}`, 'X-Kana-Console: test', 'X-User-ID: user'];
        const described = ['Content-Type: application/json', `Content-Length: ${body.length}`];
        const status = await send([`${by} ${at} HTTP/1.1`, 'Host: a', ...sent, ...described], body, 10_000);
        expect(status).not.toBeNull();
        expectNoFault(status);
      }),
      manyRuns,
    );
    await server.expectUnharmed();
  };

  const oddHeaders = async () => {
    const { app, known } = server;
    const odd = fc.array(header([app.keys.test, `Bearer ${app.keys.publicTest}`]), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(method, target(app.paths), odd, bodyOf(known), async (by, at, others, body) => {
        const usual = [`Authorization: ${app.keys.test}`, `Content-Length: ${body.length}`];
        const names = others.map((each) => each.split(':', 1)[0]);
        const kept = usual.filter((each) => !names.includes(each.split(':', 1)[0]));
        expectNoFault(await send([`${by} ${at} HTTP/1.1`, 'Host: a', ...kept, ...others], body));
      }),
      manyRuns,
    );
    await server.expectUnharmed();
  };

  const noRequest = async () => {
    const start = fc.constantFrom(
      ...['', 'GET / HTTP/1.1\r\n', 'POST /graphql HTTP/1.0\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n'],
      ...['\u0016\u0003\u0001', 'PRI * HTTP/2.0\r\n\r\n'],
    );
    await fc.assert(
      fc.asyncProperty(start, bytes, async (first, rest) => {
        expectNoFault(await sendBytes(server.app.url, Buffer.concat([latin(first), rest])));
      }),
      settings,
    );
    await server.expectUnharmed();
  };

  test.each([
    ['a well-formed request with any body is answered or refused, at every path', wellFormed],
    ['a request with odd headers is answered or refused', oddHeaders],
    ['bytes that are no request are refused', noRequest],
  ])('%s', (_what, check) => check(), timeout * 20);
});
