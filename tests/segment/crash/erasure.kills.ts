import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ensureBuilt } from '../../helpers/process.ts';
import { type CrashServer, startCrashServer, until } from './server.ts';

/* A user is deleted, and the server is killed while it erases what Segment sent about the user. */

let server: CrashServer;
beforeAll(async () => {
  await ensureBuilt();
  server = await startCrashServer();
});
afterAll(() => server.close());

async function count(sql: string): Promise<number> {
  return (await server.database.work.query(`select count(*)::int as count from ${sql}`)).rows[0].count;
}
const events = () => count('segment_event');
const jobs = (which = 'true') =>
  count(`graphile_worker.jobs where task_identifier = 'segment-erasure' and ${which}`);

it('the events of a deleted user are erased although the process is killed that was at it', async () => {
  await server.post('/segment/events', [
    { type: 'identify', messageId: 'm-1', userId: 'ada', traits: { email: 'ada@example.com' } },
    { type: 'track', messageId: 'm-2', userId: 'ada', event: 'Message Sent' },
  ]);
  // Somebody who is processing the event: the job waits for it, and is at it when the process is killed.
  const holder = await server.database.hot.connect();
  await holder.query('begin');
  await holder.query(`select from segment_event where message_id = 'm-2' for update`);
  await server.ok('mutation { deleteUser(id: "ada") { id } }');
  await until(async () => (await jobs('locked_by is not null')) === 1);
  await server.killAndRestart();
  await holder.query('rollback');
  holder.release();
  await until(async () => (await jobs()) === 0);
  expect(await events()).toBe(0);
});
