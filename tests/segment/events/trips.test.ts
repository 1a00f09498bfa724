import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { PoolClient } from 'pg';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createUser } from '../../helpers/factories.ts';
import { postEvents, trackEvent } from '../../helpers/segment.ts';

/*
 * On a busy server, each round trip to the database waits for a turn of the event loop: as long as the longest work of
 * others may hold it.
 */

let app: TestApp;
let trips = 0;
beforeAll(async () => {
  app = await startTestApp();
  for (const pool of Object.values(app.database.pools)) pool.on('connect', countTrips);
  await createFeature(app.database.prisma, { id: 'messages' });
  await createUser(app.database.prisma, { id: 'known' });
});
afterAll(() => app.close());

/** Counts how often a connection sends statements after all before are answered. */
function countTrips(client: PoolClient): void {
  const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
  let unanswered = 0;
  async function counted(...given: unknown[]): Promise<unknown> {
    if (unanswered === 0 || !(client as unknown as { pipeline: boolean }).pipeline) trips += 1;
    unanswered += 1;
    try {
      return await query(...given);
    } finally {
      unanswered -= 1;
    }
  }
  client.query = counted as typeof client.query;
}

async function tripsFor(event: object): Promise<number> {
  // Connections are open, and the key is known.
  for (let count = 0; count < 3; count += 1)
    await postEvents(app, { ...event, messageId: `before ${count}` });
  trips = 0;
  expect((await postEvents(app, event)).body).toMatchObject({ outcome: 'RECORDED' });
  return trips;
}

it('an event of a known user takes four round trips: it is stored, read, recorded and committed', async () => {
  const usage = trackEvent({ userId: 'known', properties: { featureId: 'messages' } });
  expect(await tripsFor(usage)).toBe(4);
});
