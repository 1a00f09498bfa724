import type { SegmentOutcome as StoredOutcome } from '../database/generated/enums.ts';
import { builder } from '../graphql/builder.ts';
import { SegmentOutcome } from './events/graphql.ts';
import {
  countOutcomes,
  countPendingUsers,
  findUnmatchedNames,
  findUnmatchedProperties,
  maxCounted,
  maxGroups,
  maxSampled,
} from './status-store.ts';

const UnmatchedByName = builder.objectRef<{ eventName: string; count: number }>('UnmatchedByName').implement({
  description: 'How many unmatched events have a name.',
  fields: (t) => ({
    eventName: t.exposeString('eventName', { description: 'The name.' }),
    count: t.exposeInt('count', { description: 'How many events have it.' }),
  }),
});

const UnmatchedByProperty = builder
  .objectRef<{ path: string; value: string; count: number }>('UnmatchedByProperty')
  .implement({
    description: 'How many unmatched events have a value at a path of their properties.',
    fields: (t) => ({
      path: t.exposeString('path', { description: 'Where, as a condition of a rule names it.' }),
      value: t.exposeString('value', { description: 'What is there, as text.' }),
      count: t.exposeInt('count', { description: 'How many events have it.' }),
    }),
  });

const UnmatchedEvents = builder.objectRef<object>('UnmatchedEvents').implement({
  description: 'What the events have in common that nothing has claimed yet: what rules can be made of.',
  fields: (t) => ({
    byEventName: t.field({
      type: [UnmatchedByName],
      description: `By name, the most frequent first; at most ${maxGroups}.`,
      resolve: (_root, _args, { db, environmentId }) => findUnmatchedNames(db, environmentId),
    }),
    byProperty: t.field({
      type: [UnmatchedByProperty],
      description: `By what is at each path of the properties, the most frequent first; at most ${maxGroups}, of the latest ${maxSampled} events.`,
      resolve: (_root, _args, { db, environmentId }) => findUnmatchedProperties(db, environmentId),
    }),
  }),
});

const OutcomeCount = builder
  .objectRef<{ outcome: StoredOutcome; count: number }>('SegmentOutcomeCount')
  .implement({
    description: 'How many events had an outcome.',
    fields: (t) => ({
      outcome: t.expose('outcome', { type: SegmentOutcome, description: 'What became of them.' }),
      count: t.exposeInt('count', { description: 'Of how many.' }),
    }),
  });

const SegmentStatus = builder.objectRef<object>('SegmentStatus').implement({
  description: 'How the connection to Segment is doing.',
  fields: (t) => ({
    lastEventAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the last event arrived that was kept; null before the first.',
      resolve: async (_root, _args, { db, environmentId }) => {
        const last = await db.segmentEvent.findFirst({
          where: { environmentId },
          orderBy: [{ receivedAt: 'desc' }, { messageId: 'desc' }],
          select: { receivedAt: true },
        });
        return last?.receivedAt ?? null;
      },
    }),
    outcomes: t.field({
      type: [OutcomeCount],
      description: `What became of the latest ${maxCounted} events, the most frequent first.`,
      resolve: (_root, _args, { db, environmentId }) => countOutcomes(db, environmentId),
    }),
    unmatched: t.int({
      description: 'How many track events nothing has claimed yet.',
      resolve: (_root, _args, { db, environmentId }) =>
        db.segmentEvent.count({ where: { environmentId, outcome: 'UNMATCHED' } }),
    }),
    deltaUnusable: t.int({
      description: 'How many track events a rule matches that finds no usable delta in them.',
      resolve: (_root, _args, { db, environmentId }) =>
        db.segmentEvent.count({ where: { environmentId, outcome: 'DELTA_UNUSABLE' } }),
    }),
    pendingEvents: t.int({
      description: 'How many track events wait for a user who is not known yet.',
      resolve: (_root, _args, { db, environmentId }) =>
        db.segmentEvent.count({ where: { environmentId, outcome: 'PENDING_USER' } }),
    }),
    pendingUsers: t.int({
      description: 'How many users these events wait for.',
      resolve: (_root, _args, { db, environmentId }) => countPendingUsers(db, environmentId),
    }),
  }),
});

builder.queryFields((t) => ({
  unmatchedEvents: t.field({
    type: UnmatchedEvents,
    description: 'The track events that nothing has claimed yet, in groups.',
    resolve: () => ({}),
  }),
  segmentStatus: t.field({
    type: SegmentStatus,
    description: 'Whether events arrive, and how many wait for a rule or a user.',
    resolve: () => ({}),
  }),
}));
