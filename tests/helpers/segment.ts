import { pino } from 'pino';
import type { Database } from '../../src/database/client.ts';
import type { Work } from '../../src/segment/sweep.ts';
import type { TestApp } from './app.ts';

const ingestMutation = `mutation ingest($event: JSON!) {
  ingestSegmentEvent(event: $event) {
    messageId outcome firstOutcome delta feature { id } rule { id name } user { id }
  }
}`;

/** What became of an event that was sent to the mutation. */
export interface Answer {
  messageId: string;
  outcome: string;
  firstOutcome: string;
  delta: number | null;
  feature: { id: string } | null;
  rule: { id: string; name: string } | null;
  user: { id: string } | null;
}

/** Sends an event to the mutation. */
export async function ingest(app: TestApp, event: unknown, key?: string): Promise<Answer> {
  return (await app.ok(ingestMutation, { event }, key)).ingestSegmentEvent;
}

export const refuse = (app: TestApp, event: unknown) => app.fails(ingestMutation, { event });

/** Sends a body to the webhook, as Segment does. */
export function postEvents(app: TestApp, body: unknown, key = app.keys.test) {
  return app.http
    .post('/segment/events')
    .set('Authorization', key)
    .send(body as object);
}

const ruleMutation = `mutation create($input: MappingRuleInput!) {
  createMappingRule(input: $input) { id }
}`;

/** Makes a mapping rule; answers its id. */
export async function createRule(
  app: TestApp,
  input: { name: string; featureId: string; eventName?: string; conditions?: object[]; deltaPath?: string },
): Promise<string> {
  return (await app.ok(ruleMutation, { input })).createMappingRule.id;
}

let made = 0;

/** A track event with a message id of its own. */
export function trackEvent(facts: object = {}) {
  made += 1;
  return { type: 'track', messageId: `track-${made}`, userId: 'u', event: 'Message Sent', ...facts };
}

/** An identify event with a message id of its own. */
export function identifyEvent(userId: string, traits: object = {}) {
  made += 1;
  return { type: 'identify', messageId: `identify-${made}`, userId, traits };
}

/** What a background job of Segment works with. */
export function workOn({ database, jobs }: TestApp, stop = new AbortController().signal): Work {
  return { prisma: database.prisma, pool: jobs, log: pino({ level: 'silent' }), stop };
}

/** The ledger and the windows of a feature, by the ids of users. */
export async function usageOf({ prisma }: Database, featureId: string) {
  const users = await prisma.user.findMany({ where: { mergedInto: null } });
  const usage: Record<string, { events: number; delta: number; windows: number[] }> = {};
  for (const { key, id } of users) {
    const events = await prisma.usageEvent.findMany({ where: { userKey: key, featureId } });
    const counters = await prisma.usageCounter.findMany({
      where: { userKey: key, featureId },
      orderBy: [{ windowStart: 'asc' }, { subscriptionId: 'asc' }],
    });
    if (events.length === 0) continue;
    usage[id] = {
      events: events.length,
      delta: events.reduce((sum, { delta }) => sum + Number(delta), 0),
      windows: counters.map(({ used }) => Number(used)),
    };
  }
  return usage;
}
