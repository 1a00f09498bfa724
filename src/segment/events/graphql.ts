import type DataLoader from 'dataloader';
import { GraphQLError } from 'graphql';
import { SegmentOutcome as StoredOutcome } from '../../database/generated/enums.ts';
import { settledUntil } from '../../database/settled.ts';
import { DomainError } from '../../errors.ts';
import { Feature } from '../../features/graphql.ts';
import { builder } from '../../graphql/builder.ts';
import type { Context } from '../../graphql/context.ts';
import { graphQLErrorOf } from '../../graphql/errors.ts';
import { listArgs, listPageBy } from '../../graphql/list.ts';
import { User } from '../../users/graphql.ts';
import { MappingRule } from '../mapping/graphql.ts';
import type { Ingested } from './ingest.ts';
import { warningsOf } from './rules.ts';
import { createTouched, type Touched } from './touched-store.ts';

export const SegmentOutcome = builder.enumType('SegmentOutcome', {
  description: 'What became of a Segment event.',
  values: {
    RECORDED: { description: 'Track: usage is recorded.' },
    UNMATCHED: {
      description: 'Track: neither the event nor a rule says which feature. Kept until a rule does.',
    },
    DELTA_UNUSABLE: {
      description:
        'Track: a rule matches, but its `deltaPath` leads to no integer. Kept until another rule claims it, or this one is edited.',
    },
    PENDING_USER: {
      description: 'Track: usage of a user who is not known yet. Recorded when the user appears.',
    },
    USER_CREATED: { description: 'Identify: the user is new.' },
    USER_UPDATED: { description: 'Identify: the user was known.' },
    USERS_MERGED: { description: 'Identify: an imported user with the same email is merged into the user.' },
    USER_CLAIMED: { description: 'Identify: an imported user with the same email got the id.' },
    DUPLICATE: { description: 'An event with this message id came before. Nothing has changed.' },
    IGNORED: { description: 'An event of another type, such as page. It is not kept.' },
    USER_DELETED: {
      description:
        'An event that is older than the deletion of its user. Nothing is done, and it is not kept.',
    },
  } as const,
});

const SegmentEventType = builder.enumType('SegmentEventType', {
  description: 'The types of event that are kept.',
  values: {
    IDENTIFY: { description: 'Says who a user is.' },
    TRACK: { description: 'Says what a user did.' },
  } as const,
});

const SegmentWarningType = builder.enumType('SegmentWarning', {
  description: 'What of an event cannot be used, although the event is kept and counts.',
  values: {
    UNREADABLE_TIMESTAMP: {
      description: 'The timestamp is of no form that is read: the event counts when it arrived.',
    },
  } as const,
});

const warningsField = {
  type: [SegmentWarningType] as [typeof SegmentWarningType],
  description: 'What of it cannot be used, although it is kept and counts; mostly nothing.',
};

export const SegmentEvent = builder.prismaObject('SegmentEvent', {
  description: 'An event that Segment sent, and what became of it.',
  fields: (t) => ({
    messageId: t.exposeString('messageId', {
      description: 'What Segment calls this event; each is taken once.',
    }),
    type: t.expose('type', { type: SegmentEventType, description: 'What kind of event it is.' }),
    userId: t.exposeString('userId', { description: 'The id of the user, as the event says it.' }),
    eventName: t.exposeString('eventName', {
      nullable: true,
      description: 'What a track event calls what happened; null for identify.',
    }),
    payload: t.expose('payload', { type: 'JSON', description: 'The whole event, as it came.' }),
    timestamp: t.expose('occurredAt', {
      type: 'DateTime',
      description: 'When it happened; usage counts then.',
    }),
    receivedAt: t.expose('receivedAt', { type: 'DateTime', description: 'When it arrived.' }),
    warnings: t.field({
      ...warningsField,
      select: { payload: true },
      resolve: ({ payload }) => warningsOf(payload),
    }),
    outcome: t.expose('outcome', {
      type: SegmentOutcome,
      nullable: true,
      description: 'What became of it; null for the moment until it is processed.',
    }),
    delta: t.exposeInt('delta', { nullable: true, description: 'How much usage it is; null if it is none.' }),
    feature: t.field({
      type: Feature,
      nullable: true,
      description: 'The feature that it is usage of.',
      select: { featureId: true },
      resolve: ({ featureId }, _args, context) => load(touched(context).feature, featureId),
    }),
    rule: t.field({
      type: MappingRule,
      nullable: true,
      description: 'The rule that claimed it; null if it named the feature itself, or the rule is deleted.',
      select: { ruleId: true },
      resolve: ({ ruleId }, _args, context) => load(touched(context).rule, ruleId),
    }),
    user: t.field({
      type: User,
      nullable: true,
      description: 'The user whom it identified, or whose usage it is.',
      select: { userKey: true },
      resolve: ({ userKey }, _args, context) => load(touched(context).user, userKey),
    }),
  }),
});

const IngestedSegmentEvent = builder.objectRef<Ingested>('IngestedSegmentEvent').implement({
  description:
    'What became of an event that was sent, and what it touched; of a DUPLICATE, what the first one did.',
  fields: (t) => ({
    messageId: t.exposeString('messageId', {
      description: 'What the event is called; made by the server if the event has none.',
    }),
    outcome: t.expose('outcome', { type: SegmentOutcome, description: 'What became of it.' }),
    firstOutcome: t.expose('firstOutcome', {
      type: SegmentOutcome,
      description: 'What became of it when it came first; the outcome itself unless that is DUPLICATE.',
    }),
    warnings: t.field({ ...warningsField, resolve: ({ warnings }) => warnings }),
    delta: t.exposeInt('delta', { nullable: true, description: 'How much usage it is; null if it is none.' }),
    feature: t.field({
      type: Feature,
      nullable: true,
      description: 'The feature that it is usage of.',
      resolve: ({ featureId }, _args, context) => load(touchedNow(context).feature, featureId),
    }),
    rule: t.field({
      type: MappingRule,
      nullable: true,
      description: 'The rule that claimed it.',
      resolve: ({ ruleId }, _args, context) => load(touchedNow(context).rule, ruleId),
    }),
    user: t.field({
      type: User,
      nullable: true,
      description: 'The user whom it identified, or whose usage it is.',
      resolve: ({ userKey }, _args, context) => load(touchedNow(context).user, userKey),
    }),
  }),
});

const touchedNow = ({ db, environmentId }: Context) => createTouched(db, environmentId);

const requests = new WeakMap<Context, Touched>();

/** The same for all events that a request lists; a mutation looks anew, for it may have changed what it touched. */
function touched(context: Context): Touched {
  const known = requests.get(context) ?? touchedNow(context);
  requests.set(context, known);
  return known;
}

const load = <Key, Row>(loader: DataLoader<Key, Row | null>, key: Key | null) =>
  key === null ? null : loader.load(key);

builder.queryFields((t) => ({
  segmentEvents: t.prismaField({
    type: [SegmentEvent],
    description: 'Events that Segment sent, in the order of their arrival.',
    args: {
      ...listArgs,
      newestFirst: t.arg.boolean({
        required: true,
        defaultValue: false,
        description: 'Whether the last one to arrive comes first.',
      }),
      outcome: t.arg({
        type: SegmentOutcome,
        description: 'Only events with this outcome. DUPLICATE, IGNORED and USER_DELETED ones are not kept.',
      }),
    },
    resolve: async (query, _root, { outcome, ...args }, { db, environmentId }) => {
      const stored =
        outcome == null ? undefined : Object.values(StoredOutcome).find((each) => each === outcome);
      if (outcome != null && stored === undefined) return [];
      return listPageBy(
        { time: 'receivedAt', id: 'messageId' },
        args,
        (messageId) =>
          db.segmentEvent.findUnique({ where: { environmentId_messageId: { environmentId, messageId } } }),
        ({ where, ...page }) =>
          db.segmentEvent.findMany({
            ...query,
            ...page,
            where: { ...where, environmentId, outcome: stored },
          }),
        () => settledUntil(db, 'segment_event'),
      );
    },
  }),
}));

builder.mutationFields((t) => ({
  ingestSegmentEvent: t.field({
    type: IngestedSegmentEvent,
    description:
      'Takes one event as Segment sends it. It is answered once the event is kept and processed. An event without a `userId`, a type, or the name of what was tracked is refused, with HTTP 400.',
    args: {
      event: t.arg({
        type: 'JSON',
        required: true,
        description: 'The event: an object with type, userId and so on.',
      }),
    },
    resolve: async (_root, { event }, { ingestEvents, environmentId, readClock }) => {
      const [result] = await ingestEvents(environmentId, [event], await readClock());
      if (result instanceof DomainError) throw refused(result);
      if (result === undefined || result instanceof Error)
        throw result ?? new Error('an event got no result');
      return result;
    },
  }),
}));

/** Refused at both doors with the same status. */
function refused(error: DomainError): GraphQLError {
  const { message, extensions } = graphQLErrorOf(error);
  return new GraphQLError(message, { extensions: { ...extensions, http: { status: 400 } } });
}
