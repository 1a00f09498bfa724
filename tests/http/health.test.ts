import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import supertest from 'supertest';
import { openDatabase } from '../../src/database/client.ts';
import { createReadyRoute, createWriteHealth } from '../../src/http/health.ts';
import { createRouter } from '../../src/http/router.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { onServer, withDatabase } from '../helpers/server.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const live = { status: 200, body: { status: 'live' } };
const ready = { status: 200, body: { status: 'ready' } };
const notReady = { status: 503, body: { status: 'the database does not answer' } };

async function get(path: string, http = app.http) {
  const { status, body } = await http.get(path);
  return { status, body };
}

async function databaseName(): Promise<string> {
  const [row] = await app.database.prisma.$queryRaw<{ name: string }[]>`SELECT current_database() AS name`;
  return row?.name ?? '';
}

test('a server that runs is live and ready, without a key', async () => {
  expect([await get('/health/live'), await get('/health/ready')]).toEqual([live, ready]);
});

test('a server that loses its database is live but not ready, until the database is back', async () => {
  const name = await databaseName();
  const beside = withDatabase(process.env.TEST_DATABASE_TEMPLATE ?? '', 'postgres');

  await onServer(beside, `ALTER DATABASE "${name}" ALLOW_CONNECTIONS false`);
  await onServer(beside, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
  expect([await get('/health/live'), await get('/health/ready')]).toEqual([live, notReady]);

  await onServer(beside, `ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`);
  expect([await get('/health/live'), await get('/health/ready')]).toEqual([live, ready]);
});

test('a database that takes connections but never answers does not keep the check waiting', async () => {
  const sockets: Socket[] = [];
  const silent = createTcpServer((socket) => sockets.push(socket));
  const port = await listen(silent);
  const database = openDatabase(`postgresql://127.0.0.1:${port}/kana`);
  const observing = { log: pino({ level: 'silent' }), metrics: createMetrics() };
  const server = createServer(
    createRouter({ '/health/ready': createReadyRoute(database, createWriteHealth()) }, observing),
  );

  const http = supertest(`http://127.0.0.1:${await listen(server)}`);
  expect(await get('/health/ready', http)).toEqual(notReady);

  server.close();
  silent.close();
  for (const socket of sockets) socket.destroy();
  await database.close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
