import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createRateLimit } from '../../src/http/rate-limit.ts';
import { isWriteTool } from '../../src/mcp/tool-rules.ts';
import { tools } from '../../src/mcp/tools-rules.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

// Every tool, called by the published client of the protocol, unmodified.

let app: TestApp;
let client: Client;
const clients: Client[] = [];

async function connect(options: ConstructorParameters<typeof Client>[1] = {}, key = app.keys.test) {
  const opened = new Client({ name: 'tests', version: '1' }, options);
  const requestInit = { headers: { Authorization: `Bearer ${key}` } };
  await opened.connect(new StreamableHTTPClientTransport(new URL(`${app.url}/mcp`), { requestInit }));
  clients.push(opened);
  return opened;
}

beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  for (const id of ['calls', 'loose']) await createFeature(prisma, { id });
  await createFeature(prisma, { id: 'sso', type: 'BINARY' });
  await createPackage(prisma, { id: 'free', features: [{ id: 'calls', limit: 10, resetPeriod: 'MONTH' }] });
  await createPackage(prisma, { id: 'pro', features: [{ id: 'calls', limit: 100 }, { id: 'sso' }] });
  await createPackage(prisma, { id: 'extra', isAddon: true, bases: ['free'], features: ['loose'] });
  for (const id of ['ada', 'bob', 'eve']) await createUser(prisma, { id, email: `${id}@example.com` });
  await createSubscription(prisma, { userId: 'ada', packageId: 'free' });
  client = await connect();
});
afterAll(async () => {
  await Promise.all(clients.map((each) => each.close()));
  await app.close();
});

// biome-ignore lint/suspicious/noExplicitAny: answers have the shape of their tool
type Answer = any;

const called = new Set<string>();

async function call(name: string, args: object = {}, by = client) {
  const {
    isError = false,
    structuredContent,
    content,
  } = await by.callTool({
    name,
    arguments: args as Record<string, unknown>,
  });
  const [text] = content as { text: string }[];
  expect(JSON.parse(text?.text ?? '')).toEqual(structuredContent);
  called.add(name);
  return { isError, answer: structuredContent as Answer };
}

async function read(name: string, args: object = {}): Promise<Answer> {
  const { isError, answer } = await call(name, args);
  expect([name, isError, answer]).toEqual([name, false, answer]);
  return answer;
}

/** Previews a change, which changes nothing, applies it, and applies it again: it happens once. */
async function change(name: string, args: object): Promise<{ preview: Answer; applied: Answer }> {
  const before = await auditEntries();
  const preview = await read(name, args);
  expect(preview).toMatchObject({
    applied: false,
    changes: [expect.any(String), ...preview.changes.slice(1)],
  });
  expect(await auditEntries()).toBe(before);
  const { fingerprint } = preview;
  const applied = await read(name, { ...args, fingerprint });
  expect(applied.applied).toBe(true);
  const after = await auditEntries();
  const again = await call(name, { ...args, fingerprint });
  expect(again.isError ? ['PreviewChangedError', 'UserNotFoundError'] : []).toEqual(
    again.isError ? expect.arrayContaining([again.answer.error.name]) : [],
  );
  expect(await auditEntries()).toBe(after);
  return { preview, applied };
}

const auditEntries = () => app.database.prisma.auditEntry.count();

test('it says what it is, and lists its tools: what reads, and what changes', async () => {
  expect(client.getServerVersion()).toMatchObject({ name: 'open-kana' });
  expect(client.getInstructions()).toContain('fingerprint');
  const listed = (await client.listTools()).tools;
  expect(listed.map(({ name }) => name)).toEqual([...tools.keys()]);
  for (const { name, annotations, inputSchema } of listed) {
    const tool = tools.get(name);
    const writes = tool !== undefined && isWriteTool(tool);
    expect([name, annotations?.readOnlyHint]).toEqual([name, !writes]);
    expect([name, 'fingerprint' in (inputSchema.properties ?? {})]).toEqual([name, writes]);
  }
});

test('a user from creation to deletion, by tools that change', async () => {
  const created = await change('create_user', { userId: 'zoe', email: 'zoe@example.com' });
  expect(created.applied).toMatchObject({ id: 'zoe', email: 'zoe@example.com' });
  await change('update_user', { userId: 'zoe', name: 'Zoe' });

  const subscribed = await change('subscribe_user', { userId: 'zoe', packageIds: ['free', 'extra'] });
  expect(subscribed.preview.warnings).toEqual([]);
  expect(subscribed.applied.subscriptions).toHaveLength(2);

  const usage = { userId: 'zoe', featureId: 'calls', delta: 12 };
  const recorded = await change('record_usage', usage);
  expect(recorded.preview).toMatchObject({
    changes: ['The usage of "calls" by "zoe" in the current window goes from 0 to 12, of 10.'],
    warnings: ['It is more than the budget.'],
  });
  expect(await read('check_entitlement', { userId: 'zoe', featureId: 'calls' })).toMatchObject({
    access: false,
    consumption: { used: 12, remaining: 0 },
  });

  const granted = await change('grant_feature', {
    userId: 'zoe',
    featureId: 'calls',
    limit: 50,
    reason: 'kind',
  });
  const toppedUp = await change('top_up', { userId: 'zoe', featureId: 'calls', amount: 5 });
  const whole = await read('get_user', { userId: 'zoe' });
  expect(whole).toMatchObject({
    user: { id: 'zoe', name: 'Zoe' },
    grants: [{ id: granted.applied.id, limit: 50 }],
    topUps: [{ id: toppedUp.applied.id, remaining: 5 }],
  });
  const why = await read('explain_entitlement', { userId: 'zoe', featureId: 'calls' });
  expect(why).toMatchObject({
    access: true,
    candidates: [
      { outcome: 'COUNTS', grant: { id: granted.applied.id }, subscription: null },
      { outcome: 'LOWER_LIMIT', limit: 10, subscription: { package: { id: 'free' } } },
    ],
    topUps: [{ id: toppedUp.applied.id }],
  });
  await change('revoke_grant', { userId: 'zoe', grantId: granted.applied.id });
  await change('void_top_up', { userId: 'zoe', topUpId: toppedUp.applied.id });

  const changed = await change('change_package', { userId: 'zoe', packageId: 'pro', usage: 'CARRY' });
  expect(changed.preview.changes[1]).toMatch(/^The add-on "extra" .* is cancelled\.$/);
  const { id: subscriptionId } = changed.applied.subscription;
  const at = new Date(Date.now() + 86_400_000).toISOString();
  await change('cancel_subscription', { subscriptionId, at });
  await change('resume_subscription', { subscriptionId });

  const merged = await change('merge_users', { userIds: ['bob', 'zoe'] });
  expect(merged.applied.id).toBe('bob');
  await change('delete_user', { userId: 'bob' });
  const gone = await call('get_user', { userId: 'zoe' });
  expect([gone.isError, gone.answer.error]).toEqual([
    true,
    { code: 'NOT_FOUND', name: 'UserNotFoundError', message: expect.any(String) },
  ]);
});

test('many subscribers, by tools that change', async () => {
  const { prisma } = app.database;
  await createPackage(prisma, { id: 'small', features: [{ id: 'calls', limit: 5 }] });
  await createPackage(prisma, { id: 'large', features: [{ id: 'calls', limit: 500 }] });
  for (const id of ['ann', 'ben', 'cem']) await createUser(prisma, { id });
  await createSubscription(prisma, { userId: 'cem', packageId: 'small' });
  const args = { userIds: ['ann', 'ben'], packageIds: ['small'] };
  const subscribed = await change('subscribe_users', args);
  expect(subscribed.preview.changes).toHaveLength(2);
  expect(subscribed.applied.results).toEqual([
    { subscriptions: [expect.objectContaining({ userId: 'ann' })], error: null },
    { subscriptions: [expect.objectContaining({ userId: 'ben' })], error: null },
  ]);
  const again = await read('subscribe_users', args);
  expect(again.warnings).toEqual([
    'The user "ann" has "small" already.',
    'The user "ben" has "small" already.',
  ]);
  const unknown = await call('subscribe_users', { userIds: ['ann', 'nobody'], packageIds: ['small'] });
  expect(unknown.answer.error.name).toBe('UserNotFoundError');

  const migration = { fromPackageId: 'small', toPackageId: 'large' };
  const migrated = await change('migrate_subscribers', migration);
  expect(migrated.preview).toMatchObject({
    changes: [
      '3 of 3 subscribers move from "small" of every version to "large" version 1, now. Usage: CARRY.',
    ],
    warnings: [],
  });
  expect(migrated.applied).toMatchObject({ state: 'RUNNING', total: 3, fromPackageId: 'small' });
  const { id: migrationId } = migrated.applied;
  expect((await read('list_migrations')).migrations).toMatchObject([{ id: migrationId, problems: [] }]);
  expect((await change('stop_migration', { migrationId })).applied.state).toBe('STOPPED');
  const stopped = await read('stop_migration', { migrationId });
  expect(stopped.warnings).toEqual(['It does not run: it is STOPPED, and stays so.']);
});

test('the catalogue and mapping rules, by tools that change', async () => {
  const yaml = 'features: [{ id: seats, name: Seats, type: CONSUMABLE }]\n';
  const published = await change('publish_catalogue', { yaml, partly: true });
  expect(published.preview.changes).toHaveLength(1);
  expect((await read('get_catalogue')).catalogue).toContain('id: seats');
  const wrong = await read('publish_catalogue', { yaml: 'features: [{ id: x }]' });
  expect(wrong.warnings[0]).toMatch(/^Line 1: /);
  const whole = await read('publish_catalogue', {
    yaml: 'features: [{ id: more, name: More, type: BINARY }]',
  });
  expect(whole.warnings[0]).toMatch(/^Nothing can be applied without `partly`/);

  await app.http
    .post('/segment/events')
    .set('Authorization', app.keys.test)
    .send({ type: 'track', messageId: 'm', userId: 'ada', event: 'Seat added', properties: { seats: 3 } });
  expect(await read('unmatched_events')).toMatchObject({
    byEventName: [{ eventName: 'Seat added', count: 1 }],
    status: { unmatched: 1 },
  });
  const rule = { name: 'Seats', featureId: 'seats', eventName: 'Seat added', deltaPath: 'seats' };
  expect((await change('create_mapping_rule', rule)).preview.changes[0]).toContain('matches 1 of 1');
  expect((await read('list_mapping_rules')).mappingRules).toMatchObject([{ eventName: 'Seat added' }]);
});

test('what only reads', async () => {
  expect((await read('list_users', { search: 'ada' })).users).toMatchObject([{ id: 'ada' }]);
  expect((await read('list_features', { first: 1 })).features).toMatchObject([{ id: 'calls' }]);
  expect((await read('list_packages')).packages.map(({ id }: Answer) => id)).toEqual([
    'free',
    'pro',
    'extra',
    'small',
    'large',
  ]);
  expect((await read('get_package', { packageId: 'free' })).package).toMatchObject({ subscriberCount: 1 });
  expect((await read('list_subscriptions', { userId: 'ada' })).subscriptions).toHaveLength(1);
  expect((await read('list_entitlements', { userId: 'ada' })).entitlements).toHaveLength(1);
  expect(await read('show_usage', { userId: 'ada', featureId: 'calls' })).toMatchObject({ past: [] });
  expect(await read('list_usage_events', { userId: 'ada' })).toEqual({ usageEvents: [] });
  expect(await read('usage_over_time', { bucket: 'MONTH' })).toMatchObject({
    usageByFeature: expect.any(Array),
  });
  expect(await read('list_segment_events')).toMatchObject({ segmentEvents: [{ messageId: 'm' }] });
  expect((await read('list_flags')).sameEmail).toEqual([]);
  const { auditLog } = await read('audit_log', { userId: 'ada' });
  expect(auditLog).toEqual([]);
  expect((await read('read_docs')).text).toMatch(/^# Open Kana\n/);
  expect((await read('read_docs', { page: 'docs/guides/mcp.md' })).text).toMatch(/^# MCP\n/);
  expect((await call('read_docs', { page: 'package.json' })).answer.error.code).toBe('BAD_USER_INPUT');
  expect([...called].sort()).toEqual([...tools.keys()].sort());
});

describe('applying', () => {
  const usage = { userId: 'ada', featureId: 'calls', delta: 2 };
  const fingerprintOf = async (args: object) => (await read('record_usage', args)).fingerprint as string;
  const used = async () =>
    (await read('check_entitlement', { userId: 'ada', featureId: 'calls' })).consumption.used;

  test.each<[string, object, (fingerprint: string) => object]>([
    ['other arguments', usage, (fingerprint) => ({ ...usage, delta: 3, fingerprint })],
    ['a made-up fingerprint', usage, () => ({ ...usage, fingerprint: 'made-up' })],
    ['an empty fingerprint', usage, () => ({ ...usage, fingerprint: '' })],
  ])('is refused with %s, and nothing happens', async (_what, previewed, apply) => {
    const before = await used();
    const { isError, answer } = await call('record_usage', apply(await fingerprintOf(previewed)));
    expect([isError, answer.error.name]).toEqual([true, 'PreviewChangedError']);
    expect(await used()).toBe(before);
  });

  test('is refused in the other environment, and by a tool that did not preview', async () => {
    const { prisma } = app.database;
    await createFeature(prisma, { id: 'calls' }, { in: 'live' });
    await createUser(prisma, { id: 'ada', email: 'ada@example.com' }, { in: 'live' });
    const fingerprint = await fingerprintOf(usage);
    const live = await connect({}, app.keys.live);
    const elsewhere = await call('record_usage', { ...usage, fingerprint }, live);
    expect(elsewhere.answer.error.name).toBe('PreviewChangedError');
    const { userId, featureId } = usage;
    const other = await call('top_up', { userId, featureId, amount: 2, fingerprint });
    expect(other.answer.error.name).toBe('PreviewChangedError');
  });

  test('is refused once what was previewed has changed; the same twice counts once', async () => {
    const args = { userId: 'eve', packageIds: ['free'] };
    const [first, second] = [await read('subscribe_user', args), await read('subscribe_user', args)];
    await read('subscribe_user', { ...args, fingerprint: first.fingerprint });
    const late = await call('subscribe_user', { ...args, fingerprint: second.fingerprint });
    expect(late.answer.error.name).toBe('PreviewChangedError');

    const fingerprint = await fingerprintOf(usage);
    const other = await fingerprintOf(usage);
    const before = await used();
    await read('record_usage', { ...usage, fingerprint });
    expect(await read('record_usage', { ...usage, fingerprint })).toMatchObject({ duplicate: true });
    await read('record_usage', { ...usage, fingerprint: other });
    expect(await used()).toBe(before + 4);
  });

  test('names the key in the audit log', async () => {
    const args = { userId: 'ada', name: 'Ada' };
    const { fingerprint } = await read('update_user', args);
    await read('update_user', { ...args, fingerprint });
    const { auditLog } = await read('audit_log', { userId: 'ada' });
    const label = `Private key …${app.keys.test.slice(-4)}`;
    expect(auditLog[0]).toMatchObject({ action: 'updateUser', subjectId: 'ada', author: { label } });
  });
});

test('the protocol of 2026, without a handshake: the same tools', async () => {
  const modern = await connect({ versionNegotiation: { mode: 'auto' } });
  expect(modern.getNegotiatedProtocolVersion()).toBe('2026-07-28');
  expect((await modern.listTools()).tools).toHaveLength(tools.size);
  const { answer } = await call('check_entitlement', { userId: 'ada', featureId: 'calls' }, modern);
  expect(answer.access).toBe(true);
});

describe('the caller is told', () => {
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    app.http
      .post('/mcp')
      .set({ Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' })
      .set({ Authorization: app.keys.test, ...headers })
      .send(typeof body === 'string' ? body : JSON.stringify(body));

  test.each<[string, string, object, object]>([
    ['which argument is wrong', 'record_usage', { userId: 'ada' }, { message: /^arguments\.featureId: / }],
    ['of an argument that there is not', 'list_features', { firsts: 1 }, { message: /^arguments: .*firsts/ }],
    ['what a rule says', 'subscribe_user', { userId: 'ada', packageIds: ['nothing'] }, {}],
    ['of an amount that cannot be', 'record_usage', { userId: 'ada', featureId: 'calls', delta: 0.5 }, {}],
  ])('%s', async (_what, name, args, expected) => {
    const first = await call(name, args);
    const second = first.isError
      ? first
      : await call(name, { ...args, fingerprint: first.answer.fingerprint });
    const { error } = second.answer;
    expect([second.isError, error.code]).toEqual([true, 'BAD_USER_INPUT']);
    const { message = /./ } = expected as { message?: RegExp };
    expect(error.message).toMatch(message);
  });

  test('that there is no such tool', async () => {
    await expect(client.callTool({ name: 'drop_database', arguments: {} })).rejects.toThrow('drop_database');
  });

  test.each([
    ['a list of requests', [{ jsonrpc: '2.0', id: 1, method: 'tools/list' }], 400],
    ['no JSON', '{', 400],
    ['no JSON-RPC', { hello: 'world' }, 400],
  ])('that a body is wrong: %s', async (_what, body, status) => {
    const answer = await post(body);
    expect([answer.status, answer.body.error.code]).toEqual([status, expect.any(Number)]);
  });

  test('that there are no sessions to open or end', async () => {
    for (const method of ['get', 'delete'] as const)
      expect((await app.http[method]('/mcp').set('Authorization', app.keys.test)).status).toBe(405);
  });

  test('at once that nothing will be streamed', async () => {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'tests', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const params = { notifications: { toolsListChanged: true }, _meta: meta };
    const { status, text } = await post(
      { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params },
      { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'subscriptions/listen' },
    );
    expect([status, text]).toEqual([200, expect.stringContaining('"resultType":"complete"')]);
  });
});

test('calls count against the rate limit of the key', async () => {
  const limited = await startTestApp({ rateLimit: createRateLimit(2) });
  const send = () =>
    limited.http
      .post('/mcp')
      .set({ Authorization: limited.keys.test, Accept: 'application/json, text/event-stream' })
      .send({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const answers = await Promise.all([send(), send(), send(), send(), send()]);
  expect(answers.map(({ status }) => status).sort()).toContain(429);
  await limited.close();
});
