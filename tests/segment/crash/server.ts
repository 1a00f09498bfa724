import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase } from '../../../src/database/client.ts';
import { createTestDatabase } from '../../helpers/database.ts';
import { endAll, type ServerProcess, startServer } from '../../helpers/process.ts';

const key = `prv_test_${'k'.repeat(32)}`;

export interface CrashServer {
  database: Database;
  /** How often the server was killed. */
  kills(): number;
  /** Kills the server in the middle of whatever it does, and starts it again. */
  killAndRestart(): Promise<void>;
  /** Posts to a path until it is answered by 200 or 400; what is not acknowledged is sent again. */
  post(path: string, body: unknown): Promise<unknown>;
  /** Sends an operation that must succeed; answers its data. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers of any shape and assert them whole
  ok(query: string, variables?: object): Promise<any>;
  close(): Promise<void>;
}

/** The built server as a process of its own, on a database of its own. */
export async function startCrashServer(): Promise<CrashServer> {
  const testDatabase = await createTestDatabase();
  const database = openDatabase(testDatabase.url);
  const start = () =>
    startServer({ DATABASE_URL: testDatabase.url, KANA_TEST_PRIVATE_KEY: key, LOG_LEVEL: 'warn' });
  let server: ServerProcess = await start();
  let kills = 0;

  async function attempt(path: string, body: unknown): Promise<unknown> {
    try {
      const response = await fetch(server.url + path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: key },
        body: JSON.stringify(body),
      });
      const answer = await response.json();
      return response.status === 200 || response.status === 400 ? answer : undefined;
    } catch {
      return undefined;
    }
  }
  async function post(path: string, body: unknown): Promise<unknown> {
    for (;;) {
      const answer = await attempt(path, body);
      if (answer !== undefined) return answer;
      await sleep(20);
    }
  }
  return {
    database,
    kills: () => kills,
    async killAndRestart() {
      await server.end('SIGKILL');
      kills += 1;
      server = await start();
    },
    post,
    async ok(query, variables) {
      const answer = (await post('/graphql', { query, variables })) as { data?: unknown; errors?: unknown };
      if (answer.errors) throw new Error(`${query}\nanswered ${JSON.stringify(answer)}`);
      return answer.data;
    },
    async close() {
      await server.end('SIGTERM');
      endAll();
      await database.close();
      await testDatabase.drop();
    },
  };
}

/** Waits until `what` holds. */
export async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await sleep(50);
}

/** Numbers that look random, and are the same in every run. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}
