import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createUser } from '../../helpers/factories.ts';
import { postEvents, trackEvent } from '../../helpers/segment.ts';
import { countTrips } from '../../helpers/trips.ts';

/*
 * On a busy server, each round trip to the database waits for a turn of the event loop: as long as the longest work of
 * others may hold it.
 */

let app: TestApp;
let trips: { count: number };
beforeAll(async () => {
  app = await startTestApp();
  trips = countTrips(app.database.pools);
  await createFeature(app.database.prisma, { id: 'messages' });
  await createUser(app.database.prisma, { id: 'known' });
});
afterAll(() => app.close());

async function tripsFor(event: object): Promise<number> {
  // Connections are open, and the key is known.
  for (let count = 0; count < 3; count += 1)
    await postEvents(app, { ...event, messageId: `before ${count}` });
  trips.count = 0;
  expect((await postEvents(app, event)).body).toMatchObject({ outcome: 'RECORDED' });
  return trips.count;
}

it('an event of a known user takes four round trips: it is stored, read, recorded and committed', async () => {
  const usage = trackEvent({ userId: 'known', properties: { featureId: 'messages' } });
  expect(await tripsFor(usage)).toBe(4);
});
