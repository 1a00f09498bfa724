import { expect, test } from '@jest/globals';
import { verify } from '../../src/usage/ledger/verify.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';

// Whatever an operator's database is set to, the same calls get the same answers as on a plain one.

/** The calls whose answers or texts once depended on a setting. Texts hold what array_nulls and escapes are about. */
const calls = [
  `mutation { createFeature(input: { id: "calls", type: CONSUMABLE }) { id name } }`,
  `mutation { createPackage(input: { id: "free", features: [
    { id: "calls", entitlement: { limit: 10, resetPeriod: MONTH } }] }) { id status } }`,
  `mutation { publishPackage(id: "free") { id status } }`,
  `mutation { createUser(input: { id: "NULL", name: "null", metadata: { a: "it's \\\\ \\\\x41 €", b: "" } }) {
    id name metadata } }`,
  `mutation { subscribe(userId: "NULL", packageIds: ["free"]) { status startedAt endedAt } }`,
  `mutation { recordUsage(input: { userId: "NULL", featureId: "calls", delta: 3, idempotencyKey: "NULL" }) {
    recorded duplicate entitlement { access consumption { used budget } } } }`,
  `mutation { recordUsages(input: [{ userId: "NULL", featureId: "calls", idempotencyKey: "NULL", delta: 3 },
    { userId: "NULL", featureId: "calls", enforce: true, delta: 8 }]) { recorded reason } }`,
  `mutation { createMappingRule(input: { name: "null", featureId: "calls", eventName: "NULL", conditions: [
    { path: "a.b", equals: "NULL" }] }) { name eventName conditions { path equals } createdAt } }`,
  `mutation { track: ingestSegmentEvent(event: { type: "track", userId: "NULL", messageId: "m", event: "NULL",
      timestamp: "2026-01-01T00:00:00+01:00", properties: { a: { b: "NULL" } } }) { outcome }
    identify: ingestSegmentEvent(event: { type: "identify", userId: "eva", messageId: "i", traits: { name: "E\\\\" } }) {
      outcome } }`,
  `mutation { importUsers(csv: "id,name,email\\nbob,NULL,\\nann,,a@b.c") { rows { user { id name email } } } }`,
  `mutation { createApiKey(kind: PRIVATE) { apiKey { kind createdAt } } }`,
  `{ canUseFeature(userId: "NULL", featureId: "calls") { access consumption { used budget } } }`,
  `{ showUsage(userId: "NULL", featureId: "calls") {
    current { periodStart periodEnd consumption { used } } past { periodStart periodEnd } } }`,
  `{ hours: usageSeries(userId: "NULL", featureId: "calls", bucket: HOUR) { start end used }
    months: usageSeries(featureId: "calls", bucket: MONTH) { start end used } }`,
  `{ exportUsers }`,
  `mutation { mergeUsers(ids: ["NULL", "eva"]) { id name } }`,
  `{ segmentEvents { messageId outcome timestamp receivedAt payload } }`,
  `{ users { id name } entitlements(userId: "eva") { access consumption { used } } }`,
];

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** Instants become their distance from the beginning, but for full hours, which the calendar gives. */
function normalise(answer: unknown, startedAt: number): unknown {
  const json = JSON.stringify(answer).replace(/"lastFour":"\w{4}"/g, '"lastFour":"…"');
  const text = json.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (instant) => {
    const distanceMs = Date.parse(instant) - startedAt;
    if (/:00:00\.000Z$/.test(instant)) return instant;
    return Math.abs(distanceMs) < 5 * minuteMs ? 'now' : `${Math.round(distanceMs / hourMs)} hours from now`;
  });
  return JSON.parse(text);
}

async function runCalls(app: TestApp): Promise<Record<string, unknown>> {
  const startedAt = Date.now();
  const answers: Record<string, unknown> = {};
  for (const call of calls) answers[call] = normalise(await app.ok(call), startedAt);

  const { auditLog } = await app.ok('{ auditLog { action subjectId before after at } }');
  const [subscription] = (await app.ok('{ subscriptions(userId: "eva") { id } }')).subscriptions;
  const cancelled = await app.ok(
    'mutation ($id: String!) { cancelSubscription(id: $id) { status endedAt startedAt } }',
    subscription,
  );
  answers.cancelled = normalise(cancelled, startedAt);
  answers.audit = normalise(
    auditLog.map(({ subjectId, ...entry }: { subjectId: string | null }) => entry),
    startedAt,
  );
  const differences: unknown[] = [];
  const note = (difference: unknown) => differences.push(difference);
  await verify(app.database.hot, {
    progress: () => undefined,
    counter: note,
    key: note,
    draw: note,
    hold: note,
    hour: note,
    total: note,
  });
  answers.differences = differences;
  return answers;
}

async function answersOn(settings: Record<string, string>): Promise<Record<string, unknown>> {
  const app = await startTestApp({ databaseSettings: settings });
  try {
    return await runCalls(app);
  } finally {
    await app.close();
  }
}

/** Usage series begin at full hours: those of two runs differ if an hour ends in between. */
let plain: Promise<{ hour: number; answers: Record<string, unknown> }> | undefined;
const hourNow = () => Math.floor(Date.now() / hourMs);
async function plainAnswers(): Promise<Record<string, unknown>> {
  if ((await plain)?.hour !== hourNow())
    plain = answersOn({}).then((answers) => ({ hour: hourNow(), answers }));
  return (await plain)?.answers ?? {};
}

test('on a plain database every call is answered as it should be', async () => {
  const answers = await plainAnswers();
  expect(answers.differences).toEqual([]);
  expect(answers[calls[4] ?? '']).toEqual({
    subscribe: [{ status: 'ACTIVE', startedAt: 'now', endedAt: null }],
  });
  expect(answers.cancelled).toEqual({
    cancelSubscription: { status: 'CANCELLED', startedAt: 'now', endedAt: 'now' },
  });
});

/** Several at once: what is wrong with any of them changes an answer. */
test.each<Record<string, string>>([
  {
    TimeZone: 'Europe/Berlin',
    DateStyle: 'SQL, DMY',
    IntervalStyle: 'sql_standard',
    default_transaction_isolation: 'serializable',
    array_nulls: 'off',
    bytea_output: 'escape',
  },
  {
    TimeZone: 'America/New_York',
    DateStyle: 'German',
    default_transaction_isolation: 'repeatable read',
    transform_null_equals: 'on',
    standard_conforming_strings: 'off',
    search_path: 'pg_catalog',
  },
  { TimeZone: 'Asia/Tokyo', extra_float_digits: '-10', lock_timeout: '1s', statement_timeout: '1s' },
])('with %j the answers are the same', async (settings) => {
  const expected = await plainAnswers();
  expect(await answersOn(settings)).toEqual(expected);
});
