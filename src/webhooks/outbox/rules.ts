import { z } from 'zod';

/*
 * The events that webhooks can get. Everything here is version 1 of the payload. A field may be added to it; one that
 * changes or goes makes a new version. Events hold ids only: nothing else about a person is stored or sent, unless the
 * webhook asks for it.
 */

/** The version of all payloads. */
export const payloadVersion = 1;

const id = z.string();
const userId = id.describe('The id of the user, at the time of the event.');
const changed = z.array(z.string()).describe('The names of the fields that changed.');
const instant = z.iso.datetime().nullable();
const subscription = {
  userId,
  subscriptionId: id.describe('The id of the subscription.'),
  packageId: id.describe('The id of the package.'),
  version: z.int().describe('The version of the package that is held.'),
  status: z.string().describe('The status after the change.'),
  startsAt: instant.describe('The scheduled start. Null if it has begun.'),
  trialEnd: instant.describe('The end of the trial. Null without one.'),
  cancelsAt: instant.describe('The scheduled end. Null without one, and once it has ended.'),
};
const featureId = id.describe('The id of the feature.');
const subscriptionId = id.describe('The id of the subscription that limits the user.');
const packageId = id.describe('The id of its package.');
const usageOfWindow = {
  userId,
  featureId,
  subscriptionId,
  packageId,
  used: z.number().describe('What was used in the window.'),
  windowStart: z.iso.datetime().describe('When the window began.'),
};
const topUpId = id.describe('The id of the top-up.');
const ofTopUp = {
  userId,
  featureId,
  topUpId,
  amount: z.number().describe('The whole amount of the top-up.'),
};
const expiredAt = z.iso.datetime().describe('When it expired.');
const about = (what: string, fields: Record<string, z.ZodType>) => z.looseObject(fields).describe(what);

/** The data of each type of event. */
export const eventData = {
  'user.created': about('A user was created.', { userId }),
  'user.updated': about('A user was changed.', {
    userId,
    previousUserId: id.optional().describe('The id before, if the id changed.'),
    changed,
  }),
  'user.merged': about('A user was merged into another one. Its id leads to the other one from now on.', {
    userId: id.describe('The id of the user that remains.'),
    mergedUserId: id.describe('The id of the user that was merged.'),
  }),
  'user.deleted': about('A user was deleted, with all subscriptions and usage.', { userId }),
  'subscription.created': about('A subscription began.', subscription),
  'subscription.updated': about('A subscription was changed, for instance by a merge of users.', {
    ...subscription,
    changed,
  }),
  'subscription.cancelled': about('A subscription ended.', subscription),
  'subscription.scheduled': about('A start or an end of a subscription was planned.', {
    ...subscription,
    changed,
  }),
  'usage.threshold_reached': about(
    'A user has used so much of a limit, or of a top-up. Sent once for each user, feature, window and threshold.',
    {
      ...usageOfWindow,
      subscriptionId: subscriptionId.optional(),
      packageId: packageId.optional(),
      windowStart: usageOfWindow.windowStart.optional(),
      topUpId: id.optional().describe('The id of the top-up, if it is about one: then there is no window.'),
      threshold: z.int().optional().describe('In percent of the limit. Absent for an absolute threshold.'),
      thresholdAmount: z.number().optional().describe('The absolute threshold. Absent for one in percent.'),
      limit: z
        .number()
        .nullable()
        .describe('The limit of the window, or the amount of the top-up. Null: none.'),
    },
  ),
  'usage.limit_reached': about('A user has used all of a limit. Sent where alertAt holds 100.', {
    ...usageOfWindow,
    threshold: z.int().describe('In percent of the limit.'),
    limit: z.number().describe('The limit of the window.'),
  }),
  'usage.window_reset': about(
    'A window has ended in which a user had used a feature, and the next one began. Sent where the package asks for it.',
    {
      userId,
      featureId,
      subscriptionId,
      packageId,
      limit: z.number().nullable().describe('The limit of each window. Null: none.'),
      windowStart: z.iso.datetime().describe('When the next window began.'),
      previousWindowStart: z.iso.datetime().describe('When the window began that has ended.'),
      previousUsed: z.number().describe('What was used in the window that has ended.'),
    },
  ),
  'top_up.exhausted': about('A top-up was used up. Sent once for each.', ofTopUp),
  'top_up.expired': about('A top-up expired of which something remained.', {
    ...ofTopUp,
    remaining: z.number().describe('What had not been used of it.'),
    expiredAt,
  }),
  'grant.expired': about('A feature grant reached its end. One that was revoked has not expired.', {
    userId,
    featureId,
    grantId: id.describe('The id of the grant.'),
    expiredAt,
  }),
  'package.published': about('A version of a package was published.', {
    packageId: id.describe('The id of the package.'),
    version: z.int().describe('The version.'),
  }),
  'segment.event_unmatched': about('A Segment event matched no rule, the first of its name.', {
    eventName: z.string().describe('The name of the event.'),
  }),
  'seal.created': about(
    'A range of a log was sealed. Sent only to webhooks that ask for it by name, of both environments: the logs hold both.',
    {
      log: z
        .enum(['LEDGER', 'AUDIT', 'AMENDMENTS', 'SUMS'])
        .describe('Usage, the audit log, or changes of sealed rows.'),
      number: z.int().describe('The number of the seal in its log; 1 is the first.'),
      lastId: id.describe('The last id of the range.'),
      rowCount: z.int().describe('How many rows it has.'),
      hash: z
        .string()
        .describe('The hash of the seal in hexadecimal. It covers every earlier seal of the log.'),
      sealedAt: z.iso.datetime().describe('When it was sealed.'),
    },
  ),
  'flag.raised': about('Something needs to be reviewed.', {
    flag: z
      .enum(['SAME_EMAIL', 'SAME_BILLING_ID', 'BILLING', 'WEBHOOK_DISABLED'])
      .describe(
        'What it is: users who may be one person, a flag of billing, or a webhook that failed for days.',
      ),
    userIds: z.array(id).optional().describe('The ids of the users, oldest first, at most 10.'),
    billingFlag: z.string().optional().describe('The kind of the flag of billing, such as SEVERAL_BASES.'),
    customerId: id.optional().describe('The id of the customer at the billing provider.'),
    webhookId: id.optional().describe('The id of the webhook.'),
  }),
  'webhook.test': about('Sent by testWebhook.', { webhookId: id.describe('The id of the webhook.') }),
} as const;

export type EventType = keyof typeof eventData;

/** The types that a webhook can ask for. A test message is sent without asking. */
export const eventTypes = (Object.keys(eventData) as EventType[]).filter((type) => type !== 'webhook.test');

/** What a webhook may ask for: types, `user.*` for all types of a kind, `*` for all that are about customers. */
export const eventPatterns: readonly string[] = [
  ...eventTypes,
  ...new Set(eventTypes.map((type) => `${type.split('.')[0]}.*`)),
  '*',
];

/** Something that happened, for the webhooks of its environment that asked for it. */
export interface NewEvent {
  type: EventType;
  data: Record<string, unknown>;
}

/** The state of an object at one moment, as the audit log reads it. */
interface State {
  subjectId: string;
  fields: Record<string, unknown>;
  personal: Record<string, unknown>;
}

/** An object before and after a change; undefined where it did not exist. */
export interface Changed {
  before: State | undefined;
  after: State | undefined;
}

/** The events of the change of an object. */
export function eventsOf(type: string, change: Changed): NewEvent[] {
  if (type === 'USER') return userEvents(change);
  if (type === 'SUBSCRIPTION') return subscriptionEvents(change);
  if (type === 'PACKAGE') return packageEvents(change);
  return [];
}

function userEvents({ before, after }: Changed): NewEvent[] {
  if (after === undefined)
    return before === undefined ? [] : [{ type: 'user.deleted', data: { userId: before.subjectId } }];
  const userId = after.subjectId;
  if (before === undefined) return [{ type: 'user.created', data: { userId } }];
  const { mergedInto } = after.fields;
  if (mergedInto !== null) {
    const isNew = before.fields.mergedInto === null;
    return isNew ? [{ type: 'user.merged', data: { userId: mergedInto, mergedUserId: userId } }] : [];
  }
  const names = [
    ...changedNames(before.fields, after.fields),
    ...changedNames(before.personal, after.personal),
  ];
  if (names.length === 0) return [];
  const renamed = before.subjectId === userId ? {} : { previousUserId: before.subjectId };
  return [{ type: 'user.updated', data: { userId, ...renamed, changed: names } }];
}

/** A value that no other user should have. */
export interface UniqueValue {
  field: 'email' | 'billingId';
  value: string;
}

/** The values of users that are new or changed, of those that no other user should have. */
export const newUniqueValues = (changes: readonly Changed[]): UniqueValue[] =>
  changes.flatMap(({ before, after }) =>
    (['email', 'billingId'] as const).flatMap((field) => {
      const value = after?.personal[field];
      const isNew = typeof value === 'string' && value !== before?.personal[field];
      return isNew && after?.fields.mergedInto === null ? { field, value } : [];
    }),
  );

const endedStatuses: unknown[] = ['CANCELLED', 'INCOMPLETE_EXPIRED'];

function subscriptionEvents({ before, after }: Changed): NewEvent[] {
  if (after === undefined) return [];
  const data = { subscriptionId: after.subjectId, ...after.fields };
  const { status } = after.fields;
  const isScheduled = status === 'SCHEDULED';
  if (before === undefined)
    return [isScheduled ? scheduled(data, []) : { type: 'subscription.created', data }];
  const changed = changedNames(before.fields, after.fields);
  if (changed.length === 0) return [];
  if (!endedStatuses.includes(before.fields.status) && endedStatuses.includes(status))
    return [{ type: 'subscription.cancelled', data }];
  if (before.fields.status === 'SCHEDULED' && !isScheduled) return [{ type: 'subscription.created', data }];
  const isPlanned = changed.includes('cancelsAt') && after.fields.cancelsAt !== null;
  if (isScheduled || isPlanned) return [scheduled(data, changed)];
  return [{ type: 'subscription.updated', data: { ...data, changed } }];
}

const scheduled = (data: NewEvent['data'], changed: string[]): NewEvent => ({
  type: 'subscription.scheduled',
  data: { ...data, changed },
});

function packageEvents({ before, after }: Changed): NewEvent[] {
  const published = (state: State | undefined) =>
    state?.fields.status === 'PUBLISHED' ? state.fields.version : null;
  const version = published(after);
  if (after === undefined || version === null || version === published(before)) return [];
  return [{ type: 'package.published', data: { packageId: after.subjectId, version } }];
}

function changedNames(before: Record<string, unknown>, after: Record<string, unknown>): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}
