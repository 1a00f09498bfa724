import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { findDifferences } from '../../../src/usage/ledger/verify-store.ts';
import { createFeature, createPackage, createSubscription } from '../../helpers/factories.ts';
import { ensureBuilt } from '../../helpers/process.ts';
import { type CrashServer, randomNumbers, startCrashServer, until } from './server.ts';
import { stateOf } from './state.ts';

/*
 * Ten thousand events, sent twice in random order by 16 senders, while the server is killed three times and
 * every request without an answer is made again. What is in the database afterwards must be exactly what
 * sending each event once, one after the other, to a server that is left alone leaves there.
 */

const eventCount = 10_000;
const people = 240;
const senders = 16;
const kills = 3;

beforeAll(ensureBuilt);
const servers: CrashServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.close())));

const emailOf = (index: number) => `person-${index}@x`;

/** Who is there before the first event: a quarter has its id, a quarter is imported, a quarter both, and a quarter nothing. */
async function prepare(server: CrashServer): Promise<void> {
  const { prisma } = server.database;
  for (const id of ['messages', 'packages']) await createFeature(prisma, { id });
  await createPackage(prisma, {
    id: 'monthly',
    features: [
      { id: 'messages', limit: 100, resetPeriod: 'MONTH' },
      { id: 'packages', limit: null },
    ],
  });
  for (let index = 0; index < people; index += 1) {
    const email = emailOf(index);
    const ids = [[`person-${index}`], [email], [`person-${index}`, email], []][index % 4] ?? [];
    for (const id of ids) {
      const imported = id === email;
      await prisma.user.create({
        data: {
          environmentId: 'test',
          id,
          imported,
          email: imported ? email : null,
          billingId: imported ? `cus-${index}` : null,
        },
      });
    }
    const [subscriber] = ids.slice(-1);
    if (subscriber !== undefined)
      await createSubscription(prisma, {
        userId: subscriber,
        packageId: 'monthly',
        startedAt: new Date('2024-01-15'),
      });
  }
  const rule = `mutation ($input: MappingRuleInput!) { createMappingRule(input: $input) { id } }`;
  await server.ok(rule, { input: { name: 'created', featureId: 'packages', eventName: 'Package Created' } });
  const conditions = [{ path: 'object.type', equals: 'addon' }];
  await server.ok(rule, { input: { name: 'addon', featureId: 'messages', conditions } });
}

type Event = Record<string, unknown>;

/** Events of every kind; the last fortieth of the people are never identified. */
function makeEvents(): Event[] {
  const random = randomNumbers(7);
  return Array.from({ length: eventCount }, (_, index) => {
    const person = random(people);
    const timestamp = new Date(Date.UTC(2024, 0, 1) + random(120) * 86_400_000 + index).toISOString();
    const common = { messageId: `m-${index}`, userId: `person-${person}`, timestamp };
    const kind = random(100);
    if (kind < 15 && person < people - 6)
      return { ...common, type: 'identify', traits: { name: `Person ${person}`, email: emailOf(person) } };
    if (kind >= 98) return { ...common, userId: undefined, type: 'track', event: 'Anonymous' };
    if (kind >= 95) return { ...common, type: 'page', name: 'Home' };
    return { ...common, type: 'track', ...whatIsTracked(kind, index, random) };
  });
}

/** Usage by feature id, usage by a rule on the name or on a property, and what no rule matches. */
function whatIsTracked(kind: number, index: number, random: (below: number) => number): Event {
  if (kind < 60)
    return { event: 'Message Sent', properties: { featureId: 'messages', delta: 1 + random(5) } };
  if (kind < 75) return { event: 'Package Created', properties: { index } };
  if (kind < 85) return { event: 'Other', properties: { object: { type: random(2) ? 'addon' : 'base' } } };
  return { event: 'Nothing', properties: { index: `${index}` } };
}

/** Every event twice, in random order, in requests of one to eight. */
function makeRequests(events: Event[]): Event[][] {
  const random = randomNumbers(11);
  const deliveries = [...events, ...events].map((event) => ({ event, at: random(2_147_483_648) }));
  deliveries.sort((a, b) => a.at - b.at);
  const requests: Event[][] = [];
  for (let index = 0; index < deliveries.length; ) {
    const size = 1 + random(8);
    requests.push(deliveries.slice(index, index + size).map(({ event }) => event));
    index += size;
  }
  return requests;
}

interface Item {
  messageId: string;
  outcome: string;
}

const ingest = `mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { messageId outcome } }`;

/** Sends a request through one of the doors; answers what became of its events. */
async function send(server: CrashServer, events: Event[]): Promise<(Item | null)[]> {
  const [only] = events;
  if (events.length > 1) return (await server.post('/segment/events', events)) as Item[];
  const answer = await server.post('/graphql', { query: ingest, variables: { event: only } });
  return [(answer as { data: { ingestSegmentEvent: Item } | null }).data?.ingestSegmentEvent ?? null];
}

async function start(): Promise<CrashServer> {
  const server = await startCrashServer();
  servers.push(server);
  await prepare(server);
  return server;
}

it('10,000 events sent twice through three kills are what each of them once is', async () => {
  const events = makeEvents();
  const requests = makeRequests(events);

  const crashed = await start();
  const began = performance.now();
  const firstAnswers = new Map<string, number>();
  let next = 0;
  const sendAll = async () => {
    for (let index = next++; index < requests.length; index = next++) {
      for (const item of await send(crashed, requests[index] ?? [])) {
        if (!item?.outcome || item.outcome === 'DUPLICATE' || item.outcome === 'IGNORED') continue;
        firstAnswers.set(item.messageId, (firstAnswers.get(item.messageId) ?? 0) + 1);
      }
    }
  };
  const killAll = async () => {
    for (let kill = 1; kill <= kills; kill += 1) {
      await until(async () => next >= (requests.length * kill) / (kills + 1));
      await crashed.killAndRestart();
    }
  };
  await Promise.all([killAll(), ...Array.from({ length: senders }, sendAll)]);
  const took = performance.now() - began;
  await until(async () => (await stateOf(crashed.database)).unprocessed === 0);

  const reference = await start();
  for (const event of events) await send(reference, [event]);

  const [actual, expected] = [await stateOf(crashed.database), await stateOf(reference.database)];
  expect(actual).toEqual(expected);
  expect(await findDifferences(crashed.database.work, 0n, 2n ** 62n)).toEqual([]);
  expect([...firstAnswers.values()].filter((count) => count > 1)).toEqual([]);
  expect(crashed.kills()).toBe(kills);
  const { ledger, windows, users, tracks } = actual;
  process.stdout.write(
    `${requests.length} requests with ${events.length * 2} events in ${(took / 1000).toFixed(1)} s, ${kills} kills; ` +
      `${ledger.length} usages, ${windows.length} windows, ${users.length} users, ${tracks.length} tracks\n`,
  );
});
