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
  description: 'The number of unmatched events with a name.',
  fields: (t) => ({
    eventName: t.exposeString('eventName', { description: 'The name of the events.' }),
    count: t.exposeInt('count', { description: 'How many events there are.' }),
  }),
});

const UnmatchedByProperty = builder
  .objectRef<{ path: string; value: string; count: number }>('UnmatchedByProperty')
  .implement({
    description: 'The number of unmatched events with a value at a path of their properties.',
    fields: (t) => ({
      path: t.exposeString('path', { description: 'The path, as in a condition of a rule.' }),
      value: t.exposeString('value', { description: 'The value, as text.' }),
      count: t.exposeInt('count', { description: 'How many events there are.' }),
    }),
  });

const UnmatchedEvents = builder.objectRef<object>('UnmatchedEvents').implement({
  description: 'Unmatched events in groups. They suggest rules.',
  fields: (t) => ({
    byEventName: t.field({
      type: [UnmatchedByName],
      description: `Groups by name, most frequent first; at most ${maxGroups}.`,
      resolve: (_root, _args, { db, environmentId, readLong }) =>
        readLong(() => findUnmatchedNames(db, environmentId)),
    }),
    byProperty: t.field({
      type: [UnmatchedByProperty],
      description: `Groups by path and value of the properties, most frequent first; at most ${maxGroups}, of the latest ${maxSampled} events.`,
      resolve: (_root, _args, { db, environmentId, readLong }) =>
        readLong(() => findUnmatchedProperties(db, environmentId)),
    }),
  }),
});

const OutcomeCount = builder
  .objectRef<{ outcome: StoredOutcome; count: number }>('SegmentOutcomeCount')
  .implement({
    description: 'The number of events with an outcome.',
    fields: (t) => ({
      outcome: t.expose('outcome', { type: SegmentOutcome, description: 'The outcome.' }),
      count: t.exposeInt('count', { description: 'How many events there are.' }),
    }),
  });

const SegmentStatus = builder.objectRef<object>('SegmentStatus').implement({
  description: 'The state of the connection to Segment.',
  fields: (t) => ({
    lastEventAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the last stored event arrived; null before the first.',
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
      description: `The outcomes of the latest ${maxCounted} events, most frequent first.`,
      resolve: (_root, _args, { db, environmentId }) => countOutcomes(db, environmentId),
    }),
    unmatched: t.int({
      description: 'How many track events are unmatched.',
      resolve: (_root, _args, { db, environmentId }) =>
        db.segmentEvent.count({ where: { environmentId, outcome: 'UNMATCHED' } }),
    }),
    deltaUnusable: t.int({
      description: 'How many track events match a rule that finds no usable delta.',
      resolve: (_root, _args, { db, environmentId }) =>
        db.segmentEvent.count({ where: { environmentId, outcome: 'DELTA_UNUSABLE' } }),
    }),
    pendingEvents: t.int({
      description: 'How many track events wait for an unknown user.',
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
    description: 'Unmatched track events, in groups.',
    resolve: () => ({}),
  }),
  segmentStatus: t.field({
    type: SegmentStatus,
    description: 'When the last event arrived, and how many wait for a rule or a user.',
    resolve: () => ({}),
  }),
}));
