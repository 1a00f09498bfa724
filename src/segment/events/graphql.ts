import type DataLoader from 'dataloader';
import { GraphQLError } from 'graphql';
import { amountOrNull } from '../../amount.ts';
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
  description: 'The outcome of a Segment event.',
  values: {
    RECORDED: { description: 'Track: usage is recorded.' },
    UNMATCHED: {
      description:
        'Track: the event names no CONSUMABLE feature, and no rule matches it. Stored until a rule does.',
    },
    DELTA_UNUSABLE: {
      description:
        'Track: a rule matches, but there is no amount of the feature at its `deltaPath`. Stored until another rule matches, or this one is edited.',
    },
    PENDING_USER: {
      description: 'Track: usage of an unknown user. Recorded when the user appears.',
    },
    USER_CREATED: { description: 'Identify: a user was created.' },
    USER_UPDATED: { description: 'Identify: the user was updated.' },
    USERS_MERGED: { description: 'Identify: an imported user with the same email was merged into the user.' },
    USER_CLAIMED: { description: 'Identify: an imported user with the same email got the id.' },
    DUPLICATE: { description: 'An event with this message id was received before. Nothing changed.' },
    IGNORED: { description: 'An event of another type, such as page. Not stored.' },
    USER_DELETED: {
      description: 'The event is older than the deletion of its user. Not stored, and nothing changed.',
    },
  } as const,
});

const SegmentEventType = builder.enumType('SegmentEventType', {
  description: 'The types of event that are stored.',
  values: {
    IDENTIFY: { description: 'Says who a user is.' },
    TRACK: { description: 'Says what a user did.' },
  } as const,
});

const SegmentWarningType = builder.enumType('SegmentWarning', {
  description: 'A part of an event that cannot be used. The event itself counts.',
  values: {
    UNREADABLE_TIMESTAMP: {
      description: 'The format of the timestamp is unknown: the event counts at its arrival.',
    },
  } as const,
});

const warningsField = {
  type: [SegmentWarningType] as [typeof SegmentWarningType],
  description: 'Parts of the event that cannot be used; usually none. The event itself counts.',
};

export const SegmentEvent = builder.prismaObject('SegmentEvent', {
  description: 'A stored Segment event and its outcome.',
  fields: (t) => ({
    messageId: t.exposeString('messageId', {
      description: 'The message id. Each counts once.',
    }),
    type: t.expose('type', { type: SegmentEventType, description: 'The type of the event.' }),
    userId: t.exposeString('userId', { description: 'The user id in the event.' }),
    eventName: t.exposeString('eventName', {
      nullable: true,
      description: 'The name of a track event; null for identify.',
    }),
    payload: t.expose('payload', { type: 'JSON', description: 'The whole event, as it was received.' }),
    timestamp: t.expose('occurredAt', {
      type: 'DateTime',
      description: 'When it happened. Usage counts at this time.',
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
      description: 'The outcome; null until it is processed.',
    }),
    delta: t.field({
      type: 'Amount',
      nullable: true,
      description: 'The amount of usage; null if it is no usage.',
      select: { delta: true, wholeDelta: true },
      resolve: ({ delta, wholeDelta }) => amountOrNull(delta ?? wholeDelta),
    }),
    feature: t.field({
      type: Feature,
      nullable: true,
      description: 'The feature whose usage it is.',
      select: { featureId: true },
      resolve: ({ featureId }, _args, context) => load(touched(context).feature, featureId),
    }),
    rule: t.field({
      type: MappingRule,
      nullable: true,
      description:
        'The rule that matched it; null if the event names the feature itself, or the rule is deleted.',
      select: { ruleId: true },
      resolve: ({ ruleId }, _args, context) => load(touched(context).rule, ruleId),
    }),
    user: t.field({
      type: User,
      nullable: true,
      description: 'The user whom it identifies, or whose usage it is.',
      select: { userKey: true },
      resolve: ({ userKey }, _args, context) => load(touched(context).user, userKey),
    }),
  }),
});

const IngestedSegmentEvent = builder.objectRef<Ingested>('IngestedSegmentEvent').implement({
  description:
    'The outcome of an event, with its feature, rule and user. For a DUPLICATE, those of the first event.',
  fields: (t) => ({
    messageId: t.exposeString('messageId', {
      description: 'The message id; made by the server if the event has none.',
    }),
    outcome: t.expose('outcome', { type: SegmentOutcome, description: 'The outcome.' }),
    firstOutcome: t.expose('firstOutcome', {
      type: SegmentOutcome,
      description:
        'The outcome of the first event with this message id. It differs from `outcome` only for a DUPLICATE.',
    }),
    warnings: t.field({ ...warningsField, resolve: ({ warnings }) => warnings }),
    delta: t.expose('delta', {
      type: 'Amount',
      nullable: true,
      description: 'The amount of usage; null if it is no usage.',
    }),
    feature: t.field({
      type: Feature,
      nullable: true,
      description: 'The feature whose usage it is.',
      resolve: ({ featureId }, _args, context) => load(touchedNow(context).feature, featureId),
    }),
    rule: t.field({
      type: MappingRule,
      nullable: true,
      description: 'The rule that matched it.',
      resolve: ({ ruleId }, _args, context) => load(touchedNow(context).rule, ruleId),
    }),
    user: t.field({
      type: User,
      nullable: true,
      description: 'The user whom it identifies, or whose usage it is.',
      resolve: ({ userKey }, _args, context) => load(touchedNow(context).user, userKey),
    }),
  }),
});

const touchedNow = ({ db, environmentId }: Context) => createTouched(db, environmentId);

const requests = new WeakMap<Context, Touched>();

/** One loader for all events that a request lists. A mutation has its own: it may have changed what it loads. */
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
    description: 'Stored Segment events, in order of arrival.',
    args: {
      ...listArgs,
      newestFirst: t.arg.boolean({
        required: true,
        defaultValue: false,
        description: 'Newest first.',
      }),
      outcome: t.arg({
        type: SegmentOutcome,
        description:
          'Only events with this outcome. DUPLICATE, IGNORED and USER_DELETED events are not stored.',
      }),
    },
    resolve: async (query, _root, { outcome, ...args }, { db, environmentId, untilCallerLeaves }) => {
      const stored =
        outcome == null ? undefined : Object.values(StoredOutcome).find((each) => each === outcome);
      if (outcome != null && stored === undefined) return [];
      return listPageBy(
        { time: 'receivedAt', id: 'messageId' },
        args,
        (messageId) =>
          db.segmentEvent.findUnique({ where: { environmentId_messageId: { environmentId, messageId } } }),
        ({ where, ...page }) =>
          untilCallerLeaves(() =>
            db.segmentEvent.findMany({
              ...query,
              ...page,
              where: { ...where, environmentId, outcome: stored },
            }),
          ),
        () => settledUntil(db, 'segment_event'),
      );
    },
  }),
}));

builder.mutationFields((t) => ({
  ingestSegmentEvent: t.field({
    type: IngestedSegmentEvent,
    description:
      'Ingests one event in Segment’s format. Returns after it is stored and processed. Refuses an event without a `userId` or type, or a track event without a name, with HTTP 400.',
    args: {
      event: t.arg({
        type: 'JSON',
        required: true,
        description: 'The event: an object with `type`, `userId` and so on.',
      }),
    },
    resolve: async (_root, { event }, { ingestEvents, environmentId }) => {
      const [result] = await ingestEvents(environmentId, [event]);
      if (result instanceof DomainError) throw refused(result);
      if (result === undefined || result instanceof Error)
        throw result ?? new Error('an event got no result');
      return result;
    },
  }),
}));

/** The same HTTP status as at /segment/events. */
function refused(error: DomainError): GraphQLError {
  const { message, extensions } = graphQLErrorOf(error);
  return new GraphQLError(message, { extensions: { ...extensions, http: { status: 400 } } });
}
