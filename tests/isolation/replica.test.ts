import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type GraphQLField, isObjectType } from 'graphql';
import { migrate } from '../../src/database/migrations.ts';
import { schema } from '../../src/graphql/schema.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { operationOf } from '../helpers/operations.ts';
import { type Replication, startReplication } from '../helpers/standby.ts';
import { mutations, nested, queries } from './operations.ts';
import { startWorldsStripe } from './stripe.ts';
import { createWorld, type Names, timeless } from './world.ts';

// Which database each operation reads, told by the connections that it takes. The replica is a real standby.

/** The queries that read the replica. All others, and all mutations, must not. */
const replicaQueries = new Set([
  'auditLog',
  'billingFlags',
  'billingMeterFailures',
  'exportUsers',
  'featuresNearLimit',
  'flaggedUsers',
  'limitCounts',
  'segmentStatus',
  'subscriptions',
  'topUsers',
  'unmatchedEvents',
  'usageByFeature',
  'usageByPackage',
  'usageEvents',
  'usageSeries',
  'userActivity',
  'usersConnection',
  'webhookDeliveries',
]);
const checks = new Set(['Entitlement', 'UserEntitlement']);

let replication: Replication;
let stripe: Awaited<ReturnType<typeof startWorldsStripe>>;
let app: TestApp;
let ours: Names;
/** How often a connection was taken since the last question, of the replica and of the primary. */
const taken = { replica: 0, primary: 0 };

beforeAll(async () => {
  [replication, stripe] = await Promise.all([startReplication(), startWorldsStripe()]);
  await migrate(replication.primaryUrl);
  app = await startTestApp({
    stripeApiBase: stripe.url,
    databaseUrl: replication.primaryUrl,
    replicaUrl: replication.standbyUrl,
  });
  ours = await createWorld(app.database.prisma, 'test', '');
  for (const [name, pool] of Object.entries(app.database.pools))
    if (name !== 'lookups') pool.on('acquire', () => (taken.primary += 1));
  for (const [name, pool] of Object.entries(app.replica?.pools ?? {}))
    if (name !== 'replica_lookups') pool.on('acquire', () => (taken.replica += 1));
  while (app.replica?.obstacle() !== null) await new Promise((done) => setTimeout(done, 20));
});
afterAll(async () => {
  await app?.close();
  await stripe?.stop();
  await replication?.stop();
});
afterEach(() => {
  Object.assign(taken, { replica: 0, primary: 0 });
});

type Kind = 'query' | 'mutation';

function callsOf(kind: Kind, type: string, table: typeof queries) {
  const found = schema.getType(type);
  const fields = isObjectType(found) ? found.getFields() : {};
  return Object.entries(table).flatMap(([name, { calls }]) => {
    const field = fields[name];
    return field === undefined ? [] : calls.map((call) => ({ name, kind, field, call }));
  });
}

async function send(query: string, variables: object) {
  const response = await app.http
    .post('/graphql')
    .set('Authorization', app.keys.test)
    .send({ query, variables });
  const codes = (response.body.errors ?? []).map(
    ({ extensions }: { extensions: { code: string } }) => extensions.code,
  );
  expect(codes).not.toContain('INTERNAL_SERVER_ERROR');
  expect(codes).not.toContain('GRAPHQL_VALIDATION_FAILED');
  expect(app.replica?.outcomes.failed).toBe(0);
  return response;
}

const shortest = (
  kind: Kind,
  field: GraphQLField<unknown, unknown>,
  variables: object,
  without?: Set<string>,
) =>
  operationOf(
    kind,
    field,
    Object.keys(variables),
    Object.fromEntries(Object.entries(nested).map(([name, args]) => [name, args(ours)])),
    without,
  );

describe.each(callsOf('query', 'Query', queries))('query $name', ({ name, kind, field, call }) => {
  const isRead = replicaQueries.has(name);

  test(`without checks reads the ${isRead ? 'replica alone, and answers as the primary does' : 'primary'}`, async () => {
    const query = shortest(kind, field, call(ours), checks);
    const { body, headers } = await send(query, call(ours));
    if (!isRead) {
      expect(taken.replica).toBe(0);
      expect(headers['x-data-age']).toBeUndefined();
      expect(body.extensions).toBeUndefined();
      return;
    }
    expect(body.errors).toBeUndefined();
    expect(taken.replica).toBeGreaterThan(0);
    expect(taken.primary).toBe(0);
    expect(headers['x-data-age']).toBe('0');
    expect(body.extensions).toEqual({ dataAgeSeconds: 0 });
    // A second field that is no list makes the same operation read the primary.
    const onPrimary = await send(query.replace(/\}$/, ' environment { timeZone } }'), call(ours));
    expect(taken.primary).toBeGreaterThan(0);
    expect(timeless(onPrimary.body.data[name])).toEqual(timeless(body.data[name]));
  });

  test('with checks reads the primary', async () => {
    const query = shortest(kind, field, call(ours));
    if (query === shortest(kind, field, call(ours), checks)) return;
    await send(query, call(ours));
    expect(taken.replica).toBe(0);
  });
});

const isFirst = <Call extends { name: string }>({ name }: Call, index: number, all: readonly Call[]) =>
  all[index - 1]?.name !== name;

describe.each(callsOf('mutation', 'Mutation', mutations).filter(isFirst))(
  'mutation $name',
  ({ kind, field, call }) => {
    test('never reads the replica', async () => {
      await send(shortest(kind, field, call(ours)), call(ours));
      expect(taken.replica).toBe(0);
    });
  },
);
