import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import type { Pool } from 'pg';
import { pino } from 'pino';
import supertest from 'supertest';
import { createApp, type Dependencies } from '../../src/app.ts';
import { createKey, createKeyring } from '../../src/auth/keys/store.ts';
import { createEncryption } from '../../src/auth/secrets/encryption.ts';
import { createSecretKey } from '../../src/auth/secrets/secret-key.ts';
import { createSessions } from '../../src/auth/sessions/sessions.ts';
import { loadTokenRealms } from '../../src/auth/tokens/realms.ts';
import { createUserTokens } from '../../src/auth/tokens/tokens.ts';
import { createBilling } from '../../src/billing/billing.ts';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { openPool } from '../../src/database/pool.ts';
import { openReplica, type Replica } from '../../src/database/replica.ts';
import type { Obstacle } from '../../src/database/replica-rules.ts';
import { loadConsole } from '../../src/http/console.ts';
import { clientTimeouts } from '../../src/http/limits.ts';
import { createTestDatabase } from './database.ts';
import { onServer } from './server.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests read answers of any shape and assert them whole
type Answer = any;

interface GraphQLFailure {
  message: string;
  path?: (string | number)[];
  extensions: { code: string; exception?: { name: string; message: string } };
}

export interface TestApp {
  http: ReturnType<typeof supertest>;
  url: string;
  /** The paths at which something answers. */
  paths: readonly string[];
  database: Database;
  /** Null without replicaUrl. */
  replica: Replica | null;
  /** The connections of jobs, as in the queue. Jobs rest while connections of requests are busy. */
  jobs: Pool;
  /** Where tests connect by themselves: for statements that take longer than a server's may. */
  databaseUrl: string;
  keys: { test: string; live: string; publicTest: string; publicLive: string; writeTest: string };
  /** Sends an operation that must succeed; answers its data. */
  ok(query: string, variables?: object, key?: string): Promise<Answer>;
  /** Sends an operation that must fail with one error; answers that error. */
  fails(query: string, variables?: object, key?: string): Promise<GraphQLFailure>;
  close(): Promise<void>;
}

/** What servers of tests sign and encrypt with. */
export const testKey = createSecretKey('the secret key of the servers of tests');
export const testEncryption = createEncryption(testKey);

/** A server on a database of its own, with both environments and their keys. */
export async function startTestApp({
  clientOrigins = [] as string[],
  segmentSecret = undefined as string | undefined,
  stripeApiBase = undefined as string | undefined,
  withConsole = false,
  basePath = '',
  capacity = undefined as number | undefined,
  bodyRoom = undefined as number | undefined,
  rateLimit = null as Dependencies['rateLimit'],
  // The whole suite runs with plans by default, and with OPERATION_PLANS=false without.
  plans = process.env.OPERATION_PLANS !== 'false',
  oidc = null as Dependencies['oidc'],
  log = pino({ level: 'silent' }),
  metrics = undefined as Dependencies['metrics'],
  metricsAccess = null as NonNullable<Dependencies['metricsAccess']> | null,
  databaseSettings = {} as Record<string, string>,
  // A database that the test has made, or that of another server, in place of one of its own; and a standby of it.
  databaseUrl = undefined as string | undefined,
  replicaUrl = undefined as string | undefined,
  onReplicaChange = (_obstacle: Obstacle | null): void => undefined,
} = {}): Promise<TestApp> {
  const testDatabase =
    databaseUrl === undefined
      ? await createTestDatabase()
      : { url: databaseUrl, drop: async () => undefined };
  for (const [parameter, value] of Object.entries(databaseSettings)) {
    const name = new URL(testDatabase.url).pathname.slice(1);
    await onServer(testDatabase.url, `alter database ${name} set ${parameter} = '${value}'`);
  }
  const database = openDatabase(testDatabase.url);
  const { pool: jobs } = openPool({
    connectionString: testDatabase.url,
    application_name: 'open-kana jobs',
    pipeline: true,
  });
  for (const id of ['test', 'live'])
    await database.prisma.environment.upsert({
      where: { id },
      create: { id, appId: `${id}_app` },
      update: {},
    });
  const keys = {
    test: (await createKey(database.prisma, 'test', 'PRIVATE')).key,
    live: (await createKey(database.prisma, 'live', 'PRIVATE')).key,
    publicTest: (await createKey(database.prisma, 'test', 'PUBLIC')).key,
    publicLive: (await createKey(database.prisma, 'live', 'PUBLIC')).key,
    writeTest: (await createKey(database.prisma, 'test', 'WRITE')).key,
  };
  const replica =
    replicaUrl === undefined
      ? null
      : openReplica(replicaUrl, database.lookups, { intervalMs: 50, onChange: onReplicaChange });
  const keyring = createKeyring(database.lookups);
  const realms = await loadTokenRealms(database.prisma, [], testEncryption);
  const app = createApp({
    database,
    replica,
    keyring,
    userTokens: createUserTokens(realms, 'usekana.com'),
    sessions: createSessions({
      db: database.prisma,
      lookups: database.lookups,
      keyring,
      secretKey: testKey,
      basePath,
    }),
    secretKey: testKey,
    oidc,
    passwordCost: { logN: 8, r: 8, p: 1 },
    encryption: testEncryption,
    billing: createBilling(database, testEncryption, { apiBase: stripeApiBase }),
    consoleFiles: withConsole ? await loadConsole('dist/console', basePath) : null,
    basePath,
    clientOrigins,
    segmentSecret,
    capacity,
    bodyRoom,
    rateLimit,
    plans,
    log,
    webhooks: { encryption: testEncryption, allowPrivate: true },
    catalogueWorker: pathToFileURL(process.env.TEST_CATALOGUE_WORKER ?? ''),
    metrics,
    metricsAccess,
  });
  const server = createServer(clientTimeouts, app.listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${basePath}`;
  const http = supertest(url);

  async function send(query: string, variables: object | undefined, key: string) {
    const { body } = await http.post('/graphql').set('Authorization', key).send({ query, variables });
    return body;
  }
  return {
    http,
    url,
    paths: app.paths,
    database,
    replica,
    jobs,
    databaseUrl: testDatabase.url,
    keys,
    async ok(query, variables, key = keys.test) {
      const body = await send(query, variables, key);
      if (body.errors || !body.data) throw new Error(`${query}\nanswered ${JSON.stringify(body, null, 2)}`);
      return body.data;
    },
    async fails(query, variables, key = keys.test) {
      const body = await send(query, variables, key);
      if (body.errors?.length !== 1) throw new Error(`${query}\nanswered ${JSON.stringify(body, null, 2)}`);
      return body.errors[0];
    },
    async close() {
      await closeServer(server);
      await jobs.end();
      await replica?.close();
      await database.close();
      await testDatabase.drop();
    },
  };
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
