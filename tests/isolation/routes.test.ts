import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createKey, revokeKey } from '../../src/auth/keys/store.ts';
import { type Scope, scopes } from '../../src/auth/permission-rules.ts';
import { operations as restOperations } from '../../src/rest/operations-rules.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createWorld, type Names, type Rows, readRows, reveals, secrets } from './world.ts';

// What is not GraphQL: each path is either open to all, and then tells nothing of any environment, or takes the
// private key, and then is about the environment of the key alone.

let app: TestApp;
let its: Names;
let rows: Rows;
let revoked: string;
let revokedWriteKey: string;
/** Private keys with one scope. */
let keys: Record<Scope, string>;

beforeAll(async () => {
  app = await startTestApp();
  its = await createWorld(app.database.prisma, 'test', '');
  await createWorld(app.database.prisma, 'live', '');
  revoked = await createRevokedKey('PRIVATE');
  revokedWriteKey = await createRevokedKey('WRITE');
  const made = scopes.map(async (scope) => {
    const { key } = await createKey(app.database.prisma, 'test', 'PRIVATE', { scopes: [scope] });
    return [scope, key] as const;
  });
  keys = Object.fromEntries(await Promise.all(made)) as Record<Scope, string>;
  rows = await readRows(app.database);
});
beforeEach(() => rows.restore());
afterAll(() => app.close());

async function createRevokedKey(kind: 'PRIVATE' | 'WRITE'): Promise<string> {
  const { id, key } = await createKey(app.database.prisma, 'test', kind);
  await revokeKey(app.database.prisma, id, new Date());
  return key;
}

interface Call {
  method: 'get' | 'post' | 'delete';
  path: string;
  /** The path that is asked, if the one in the table has parameters. */
  at?: (its: Names) => string;
  /** Whether a public key may ask too. */
  takesPublicKey?: true;
  body?: (its: Names) => object;
  headers?: Record<string, string>;
  /** What a right key does by it. */
  does: 'tells' | 'changes' | 'nothing';
  /** The scope that a private key needs, and the status without it: by default 403. */
  needs: Scope;
  refusedWith?: number;
  /** The status of success; by default 200. */
  answers?: number;
  /** Whether a write key does it too. */
  takesWriteKey?: true;
}

/** Paths that tell everybody the same. */
const open = [
  '/',
  '/health/live',
  '/health/ready',
  '/v1/m',
  '/v1/projects/{writeKey}/settings',
  '/v1/openapi.json',
  '/llms.txt',
  '/CHANGELOG.md',
  '/schema.graphql',
  '/schema.client.graphql',
  '/docs/{page}',
  '/docs/{folder}/{page}',
  '/docs/{folder}/{part}/{page}',
];
/** Calls that differ from one of those below only in the type of the event, or in the name. */
const alike = ['b', 'import', 't', 'identify', 'i', 'p', 'screen', 's', 'group', 'g', 'alias', 'a'];
/** Paths of the REST API: operations of the GraphQL API under other names. Some are below, all in tests/rest. */
const rest = restOperations.map(({ path }) => `/v1${path}`);
/** Paths tested elsewhere: GraphQL in this folder, sessions and members in tests/auth, Stripe's events in tests/billing. */
const elsewhere = [
  ...['/graphql', '/client/graphql', '/billing/stripe/webhook'],
  ...['/console/session', '/console/account', '/console/invitation', '/console/password'],
];
/** Calls that take the private key. */
const keyed: Call[] = [
  {
    method: 'post',
    path: '/segment/events',
    body: ({ user, feature }) => [
      { type: 'track', messageId: 'new', userId: user, event: 'ours', properties: { featureId: feature } },
      { type: 'identify', messageId: 'newer', userId: user, traits: { name: 'ours' } },
    ],
    does: 'changes',
    needs: 'ingest',
    takesWriteKey: true,
  },
  segmentCall('batch', (event) => ({ batch: [event] })),
  segmentCall('track', (event) => event),
  { ...segmentCall('page', (event) => event), does: 'nothing' },
  {
    method: 'post',
    path: '/ofrep/v1/evaluate/flags',
    body: ({ user }) => ({ context: { targetingKey: user } }),
    does: 'tells',
    needs: 'read',
    takesPublicKey: true,
  },
  {
    method: 'post',
    path: '/ofrep/v1/evaluate/flags/{featureId}',
    at: ({ feature }) => `/ofrep/v1/evaluate/flags/${feature}`,
    body: ({ user }) => ({ context: { targetingKey: user } }),
    does: 'tells',
    needs: 'read',
    takesPublicKey: true,
  },
  {
    method: 'get',
    path: '/v1/users/{userId}/entitlements',
    at: ({ user }) => `/v1/users/${user}/entitlements`,
    does: 'tells',
    needs: 'read',
  },
  {
    method: 'post',
    path: '/v1/usage',
    body: ({ user, feature }) => ({ userId: user, featureId: feature }),
    does: 'changes',
    needs: 'usage',
  },
  mcpCall('get_user', ({ user }) => ({ userId: user }), 'tells', 'read'),
  mcpCall('list_packages', () => ({}), 'tells', 'read'),
  // The arguments are right, but not previewed: nothing happens.
  mcpCall('delete_user', ({ user }) => ({ userId: user, fingerprint: 'none' }), 'nothing', 'read'),
  {
    method: 'post',
    path: '/v1/users',
    body: ({ user }) => ({ id: `new-${user}` }),
    does: 'changes',
    answers: 201,
    needs: 'admin',
  },
  { method: 'get', path: '/cli/pull', does: 'tells', needs: 'read' },
  { method: 'post', path: '/cli/validate', body: configuration, does: 'tells', needs: 'read' },
  { method: 'post', path: '/cli/publish', body: configuration, does: 'changes', needs: 'admin' },
];

/** A call of Segment's own HTTP API. */
function segmentCall(call: string, bodyOf: (event: object) => object): Call {
  const body = ({ user, feature }: Names) =>
    bodyOf({
      ...{ type: 'track', messageId: 'newest', userId: user, event: 'ours' },
      properties: { featureId: feature },
    });
  return { method: 'post', path: `/v1/${call}`, body, does: 'changes', needs: 'ingest', takesWriteKey: true };
}

/** A call of a tool; all of them are GraphQL operations, see tests/mcp. */
function mcpCall(name: string, args: (its: Names) => object, does: Call['does'], needs: Scope): Call {
  const params = (its: Names) => ({ name, arguments: args(its) });
  const body = (its: Names) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: params(its) });
  const headers = { Accept: 'application/json, text/event-stream' };
  return { method: 'post', path: '/mcp', headers, body, does, needs, refusedWith: 200 };
}

/** A catalogue that changes one feature of the world, and says nothing of its packages. */
function configuration({ feature }: Names): object {
  return { features: [{ id: feature, name: 'ours', type: 'CONSUMABLE' }] };
}

test('every path is here; if this fails, add it to a list of tests/isolation/routes.test.ts', () => {
  const known = new Set([
    ...open,
    ...elsewhere,
    ...rest,
    ...alike.map((call) => `/v1/${call}`),
    ...keyed.map(({ path }) => path),
  ]);
  expect([...known].sort()).toEqual([...app.paths].sort());
});

const send = ({ method, path, at, body, headers = {} }: Call, authorization = '') =>
  app.http[method](at?.(its) ?? path)
    .set({ ...headers, Authorization: authorization })
    .send(body?.(its));

describe.each(keyed)('$method $path', (call) => {
  test.each<[string, () => string]>([
    ['nobody', () => ''],
    ...(call.takesPublicKey ? [] : [['a public key', () => app.keys.publicTest] as [string, () => string]]),
    ['a private key that was revoked', () => revoked],
    ['a write key that was revoked', () => revokedWriteKey],
    ...(call.takesWriteKey ? [] : [['a write key', () => app.keys.writeTest] as [string, () => string]]),
    ['the public key as the name of Basic authentication', () => `Basic ${btoa(`${app.keys.publicTest}:`)}`],
  ])('is closed to %s', async (_whom, authorization) => {
    const before = [await rows.of('test'), await rows.of('live')];
    const { status, body } = await send(call, authorization());
    expect(status).toBe(401);
    expect(body.errors?.[0].message ?? body.detail).toMatch(/^Unauthenticated/);
    expect([await rows.of('test'), await rows.of('live')]).toEqual(before);
  });

  test('is closed to a private key without its scope, and open to one that has no other', async () => {
    const before = await rows.of('test');
    for (const scope of scopes.filter((each) => each !== 'admin' && each !== call.needs)) {
      const { status, body } = await send(call, keys[scope]);
      expect([scope, status]).toEqual([scope, call.refusedWith ?? 403]);
      expect(JSON.stringify(body).replaceAll('\\', '')).toContain(`needs the scope "${call.needs}"`);
    }
    expect(await rows.of('test')).toEqual(before);
    expect((await send(call, keys[call.needs])).status).toBe(call.answers ?? 200);
  });

  test('is about the environment of the private key alone', async () => {
    const [ours, theirs] = [await rows.of('test'), await rows.of('live')];
    const { status, text } = await send(call, app.keys.test);
    expect({ status, text }).toMatchObject({ status: call.answers ?? 200 });
    expect(reveals(text, secrets.live)).toBe(false);
    expect(await rows.of('live')).toEqual(theirs);
    if (call.does === 'nothing') expect(await rows.of('test')).toEqual(ours);
    else if (call.does === 'changes') expect(await rows.of('test')).not.toEqual(ours);
    else expect(reveals(text, secrets.test)).toBe(true);
  });
});

describe.each(keyed.filter(({ takesWriteKey }) => takesWriteKey))('$method $path', (call) => {
  test('does for a write key what it does for a private one, and tells it nothing of the environment', async () => {
    const theirs = await rows.of('live');
    await send(call, app.keys.test);
    const done = segmentRows(await rows.of('test'));
    await rows.restore();
    const { status, text } = await send(call, app.keys.writeTest);
    expect(status).toBe(200);
    expect(text).not.toMatch(/outcome|feature|rule|delta/i);
    expect(reveals(text, secrets.test) || reveals(text, secrets.live)).toBe(false);
    expect(segmentRows(await rows.of('test'))).toEqual(done);
    expect(await rows.of('live')).toEqual(theirs);
  });
});

/** The stored events, by their message ids. */
const segmentRows = ({ segment_event: events = [] }: Record<string, string[]>) =>
  events.map((event) => JSON.parse(event).message_id);

describe.each(open)('%s', (path) => {
  test('tells nothing of any environment', async () => {
    const { text } = await app.http.get(path);
    expect(reveals(text, secrets.test) || reveals(text, secrets.live)).toBe(false);
  });
});
