import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Collector, type ReceivedSpan, startCollector } from '../helpers/collector.ts';
import { createEmptyDatabase, type TestDatabase } from '../helpers/database.ts';
import { endAll, ensureBuilt, type ServerProcess, startServer } from '../helpers/process.ts';

// Requests as a collector of OpenTelemetry sees them.

const key = `prv_test_${'k'.repeat(32)}`;
let database: TestDatabase;
let collector: Collector;
let server: ServerProcess;

beforeAll(async () => {
  await ensureBuilt();
  database = await createEmptyDatabase();
  collector = await startCollector();
  server = await startServer({
    DATABASE_URL: database.url,
    KANA_TEST_PRIVATE_KEY: key,
    KANA_DEMO: 'true',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=ours',
    OTEL_SERVICE_NAME: 'kana-eu',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  });
});

afterAll(async () => {
  endAll();
  await collector.close();
  await database.drop();
});

const record =
  'mutation Secret { recordUsage(input: {userId: "demo-user", featureId: "api-calls"}) { recorded } }';

function send(query: string, traceparent?: string) {
  const headers: Record<string, string> = { Authorization: key, 'Content-Type': 'application/json' };
  if (traceparent !== undefined) headers.traceparent = traceparent;
  return fetch(`${server.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
}

/** The spans of a trace, once its request is among them. */
async function trace(traceId: string): Promise<ReceivedSpan[]> {
  for (;;) {
    const spans = collector.spans().filter((span) => span.traceId === traceId);
    if (spans.some(({ kind }) => kind === 2)) return spans;
    await sleep(20);
  }
}

const attributesOf = ({ attributes }: ReceivedSpan) =>
  Object.fromEntries(
    attributes.map(({ key: name, value }) => [name, value.stringValue ?? Number(value.intValue)]),
  );

const traceId = (last: string) => last.padStart(32, '7');
const parentId = 'b7ad6b7169203331';

test('a request is part of its caller’s trace, and holds its operation, its batch and its statements', async () => {
  const response = await send(record, `00-${traceId('1')}-${parentId}-01`);
  const spans = await trace(traceId('1'));
  const named = (name: string) => spans.find((span) => span.name === name) as ReceivedSpan;

  const request = named('POST /graphql');
  expect(request).toMatchObject({ kind: 2, parentSpanId: parentId, status: {} });
  expect(attributesOf(request)).toEqual({
    'http.request.method': 'POST',
    'http.route': '/graphql',
    'http.response.status_code': 200,
    'kana.request_id': response.headers.get('x-request-id'),
    'kana.outcome': 'ok',
    'kana.environment': 'test',
  });
  expect(BigInt(request.endTimeUnixNano) > BigInt(request.startTimeUnixNano)).toBe(true);
  expect(Math.abs(Number(request.endTimeUnixNano) / 1e6 - Date.now())).toBeLessThan(600_000);

  const operation = named('mutation recordUsage');
  expect(operation.parentSpanId).toBe(request.spanId);
  const batch = named('batch record');
  expect(batch.parentSpanId).toBe(operation.spanId);
  const statements = spans.filter(({ kind }) => kind === 3);
  expect(statements.some(({ parentSpanId }) => parentSpanId === batch.spanId)).toBe(true);
  expect(attributesOf(statements.at(-1) as ReceivedSpan)).toMatchObject({ 'db.system.name': 'postgresql' });
});

test('who sends is told, with the headers that were asked for', async () => {
  await send(record, `00-${traceId('2')}-${parentId}-01`);
  await trace(traceId('2'));
  const [request] = collector.requests();
  expect(request).toMatchObject({ path: '/v1/traces', headers: { 'x-tenant': 'ours' } });
  expect(JSON.stringify(request?.resource)).toContain('"service.name","value":{"stringValue":"kana-eu"}');
});

test('a batch names everybody whom it works for', async () => {
  const ids = Array.from({ length: 30 }, (_, index) => traceId(`a${index}`));
  await Promise.all(ids.map((id) => send(record, `00-${id}-${parentId}-01`)));
  const traces = await Promise.all(ids.map(trace));
  await sleep(200);
  const batches = collector
    .spans()
    .filter(({ name, traceId: id }) => name === 'batch record' && ids.includes(id));
  const served = batches.flatMap(({ traceId: id, links }) => [id, ...links.map((link) => link.traceId)]);
  expect(served.toSorted()).toEqual(ids.toSorted());
  for (const spans of traces) expect(spans.filter(({ kind }) => kind === 2)).toHaveLength(1);
});

test('a caller that does not trace is not traced, and a header that cannot be read begins a trace', async () => {
  await send('{ users { id } }', `00-${traceId('3')}-${parentId}-00`);
  await send('{ users { id } }', `00-${traceId('4')}-nonsense-01`);
  const requestId = (await send('{ users { id } }')).headers.get('x-request-id');
  while (!collector.spans().some((span) => attributesOf(span)['kana.request_id'] === requestId))
    await sleep(20);
  expect(collector.spans().filter((span) => [traceId('3'), traceId('4')].includes(span.traceId))).toEqual([]);
  const root = collector.spans().find((span) => attributesOf(span)['kana.request_id'] === requestId);
  expect(root?.parentSpanId).toBeUndefined();
});

test('nothing that a caller says is in a trace', async () => {
  await send(
    'query wombat($wombat: String = "wombat") { wombat: user(id: $wombat) { id } }',
    `00-${traceId('5')}-${parentId}-01`,
  );
  await fetch(`${server.url}/wombat?wombat=1`, {
    method: 'PURGE',
    headers: { traceparent: `00-${traceId('6')}-${parentId}-01` },
  });
  const spans = [...(await trace(traceId('5'))), ...(await trace(traceId('6')))];
  expect(JSON.stringify(spans)).not.toMatch(/wombat|PURGE|prv_/);
});

test('requests neither wait for the collector nor fail with it, and the end sends what is left', async () => {
  collector.answerWith(400);
  expect((await send(record)).status).toBe(200);
  while (!server.stderr().includes('spans were lost')) await sleep(20);
  collector.answerWith(200);
  await send(record, `00-${traceId('7')}-${parentId}-01`);
  expect(await server.end('SIGTERM')).toBe(0);
  expect(await trace(traceId('7'))).not.toEqual([]);
});
