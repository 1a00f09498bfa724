import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { findDifferences } from '../../src/usage/ledger/verify-store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription } from '../helpers/factories.ts';
import { identifyEvent, ingest, postEvents, trackEvent } from '../helpers/segment.ts';

/* Everything that takes the rows of several users, at once and on the same users. */

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'messages' });
  await createPackage(app.database.prisma, { id: 'plan', features: ['messages'] });
});
afterAll(() => app.close());

const rounds = 12;
const usage = (userId: string) => trackEvent({ userId, properties: { featureId: 'messages' } });

/** Sends an operation; answers the names of its errors. */
async function send(query: string): Promise<string[]> {
  const { body } = await app.http.post('/graphql').set('Authorization', app.keys.test).send({ query });
  return (body.errors ?? []).map(
    (error: { extensions: { code: string; exception?: { name: string } } }) =>
      error.extensions.exception?.name ?? error.extensions.code,
  );
}
const merge = (...ids: string[]) => send(`mutation { mergeUsers(ids: ${JSON.stringify(ids)}) { id } }`);
const remove = (id: string) => send(`mutation { deleteUser(id: "${id}") { id } }`);

/** A user with an id of its own, an older one merged into it, and an imported one with an email and a plan. */
async function makePeople(round: number) {
  const { prisma } = app.database;
  const [own, twin, email] = [`own-${round}`, `twin-${round}`, `${round}@x`];
  const imported = { id: email, email, imported: true };
  // Now one and now the other has the smaller key.
  const people = round % 2 ? [imported, { id: own }, { id: twin }] : [{ id: twin }, { id: own }, imported];
  for (const facts of people) await prisma.user.create({ data: { environmentId: 'test', ...facts } });
  await createSubscription(prisma, { userId: email, packageId: 'plan' });
  await merge(own, twin);
  return { own, twin, email };
}

/** How often PostgreSQL ended somebody's wait because it was one in a circle. */
async function deadlocks(): Promise<number> {
  const { work } = app.database;
  // What a connection has counted is told at the latest when it ends.
  await work.query(
    'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  const { rows } = await work.query(
    'select deadlocks::int from pg_stat_database where datname = current_database()',
  );
  return rows[0].deadlocks;
}

it('identifying, merging, deleting and tracking the same users at once never waits in a circle, and ends right', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const { own, twin, email } = await makePeople(round);
    const others = [0, 1, 2].map((index) => `new-${round}-${index}`);
    const identifies = [own, twin, ...others].flatMap((id) =>
      [1, 2].map(async () => (await ingest(app, identifyEvent(id, { email }))).outcome),
    );
    const tracks = [own, twin, email, own, email].map((id) => postEvents(app, [usage(id), usage(twin)]));
    const changes = [
      merge(own, email),
      merge(email, twin),
      merge(twin, email, own),
      ...(round % 3 === 0 ? [remove(email), remove(twin)] : []),
    ];
    const outcomes = await Promise.all(identifies);
    expect(outcomes.filter((outcome) => !/^USER/.test(outcome))).toEqual([]);
    for (const { status } of await Promise.all(tracks)) expect(status).toBe(200);
    const errors = (await Promise.all(changes)).flat();
    expect(errors.filter((name) => name !== 'UserNotFoundError')).toEqual([]);
    if (round % 3 !== 0) await expectOnePerson(own, twin, email);
  }
  await expectWhole();
  expect(await deadlocks()).toBe(0);
});

/** Nobody was deleted: both ids of the user lead to one, and all ten usages of the round are where they count. */
async function expectOnePerson(own: string, twin: string, email: string) {
  const { prisma } = app.database;
  const [first, second] = await prisma.user.findMany({ where: { id: { in: [own, twin] } } });
  expect(first?.mergedInto ?? first?.key).toBe(second?.mergedInto ?? second?.key);
  const events = await prisma.segmentEvent.findMany({
    where: { type: 'TRACK', userId: { in: [own, twin, email] } },
  });
  expect(events).toHaveLength(10);
}

/** Nothing is left over, points to nobody, or is counted wrong. */
async function expectWhole() {
  const { prisma, work } = app.database;
  expect(await findDifferences(work, 0n, 2n ** 62n)).toEqual([]);
  expect(await prisma.segmentEvent.count({ where: { outcome: null } })).toBe(0);
  const { rows } = await work.query(`
    select
      (select count(*)::int from "user" u join "user" s on s.key = u.merged_into where s.merged_into is not null)
        as "signposts to signposts",
      (select count(*)::int from segment_event e
       where user_key is not null and not exists (select from "user" where key = e.user_key)) as "events of nobody",
      (select count(*)::int from usage_event e
       where not exists (select from "user" where key = e.user_key and merged_into is null)) as "usage of nobody",
      (select count(*)::int from segment_event e where outcome = 'RECORDED' and not exists (
         select from usage_event g join "user" u on coalesce(u.merged_into, u.key) = g.user_key
         where u.key = e.user_key and g.idempotency_key = E'\\u0001segment ' || e.message_id)) as "recorded and not in the ledger",
      (select count(*)::int from usage_event g where not exists (
         select from segment_event e where g.idempotency_key = E'\\u0001segment ' || e.message_id and outcome = 'RECORDED'))
        as "in the ledger and not recorded",
      (select count(*)::int from segment_event e join "user" u on u.environment_id = e.environment_id and u.id = e.user_id
       where outcome = 'PENDING_USER') as "waiting for somebody who is there"`);
  expect(rows[0]).toEqual({
    'signposts to signposts': 0,
    'events of nobody': 0,
    'usage of nobody': 0,
    'recorded and not in the ledger': 0,
    'in the ledger and not recorded': 0,
    'waiting for somebody who is there': 0,
  });
}
