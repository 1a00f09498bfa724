import { z } from 'zod';
import type { ReadTool } from './tool-rules.ts';

/* Each read tool is one GraphQL query. */

const consumption = 'consumption { used budget remaining overageEnabled topUp { granted remaining } }';
const userFields = 'id name email billingId metadata';
export const subscriptionFields =
  'id userId status startedAt endedAt cancelsAt trialEnd provider package { id version }';
const grantFields =
  'id feature { id } limit resetPeriod resetEvery overageEnabled startsAt endsAt revokedAt reason';
const topUpFields = 'id feature { id } amount remaining expiresAt voidedAt priority reason createdAt';
const entitlementFields = `access reason ${consumption} feature { id name type } subscription { id package { id version } } grant { id }`;
const packageFields = `id name status version isAddon metadata
  features { id name type limit resetPeriod resetEvery overageEnabled alertAt }
  prices { id displayAmount currency interval }`;

export const UserId = z.string().describe('The id of a user.');
export const FeatureId = z.string().describe('The id of a feature.');
export const PackageId = z.string().describe('The id of a package.');
export const Instant = z.string().describe('ISO 8601.');

const page = {
  first: z.int().min(1).max(200).default(50).describe('At most this many.'),
  after: z.string().optional().describe('The id of the last item of the page before.'),
};
const pageArgs = '$first: Int, $after: String';
const pageUse = 'first: $first, after: $after';

const Reference = z.object({ userId: UserId, featureId: FeatureId });

export const readTools: readonly ReadTool[] = [
  {
    name: 'list_users',
    title: 'List users',
    description: 'Lists users, oldest first, or searches them.',
    input: z.strictObject({
      search: z.string().optional().describe('Words that begin words of the id, name, email or billing id.'),
      ...page,
    }),
    document: `query (${pageArgs}, $search: String) { users(${pageUse}, search: $search) { ${userFields} } }`,
  },
  {
    name: 'get_user',
    title: 'Get a user',
    description:
      'Everything about one user: entitlements with usage, subscriptions (current, past and scheduled), feature grants and top-ups. The id of a merged user leads to the survivor.',
    input: z.strictObject({ userId: UserId }),
    document: `query ($userId: String!) {
      user(id: $userId) { ${userFields} }
      entitlements(userId: $userId) { ${entitlementFields} }
      subscriptions(userId: $userId, first: 100) { ${subscriptionFields} }
      grants(userId: $userId, first: 100) { ${grantFields} }
      topUps(userId: $userId, first: 100) { ${topUpFields} }
    }`,
  },
  {
    name: 'list_entitlements',
    title: 'List entitlements',
    description: 'What a user may use and how much of it is left: one row for each feature of the user.',
    input: z.strictObject({ userId: UserId }),
    document: `query ($userId: String!) { entitlements(userId: $userId) { ${entitlementFields} } }`,
  },
  {
    name: 'check_entitlement',
    title: 'Check an entitlement',
    description: 'Whether a user may use a feature, by a given amount.',
    input: Reference.extend({
      amount: z.number().min(0).default(1).describe('How much the user wants to use.'),
    }).strict(),
    document: `query ($userId: String!, $featureId: String!, $amount: Amount) {
      canUseFeature(userId: $userId, featureId: $featureId, amount: $amount) { access reason ${consumption} } }`,
    answer: ({ canUseFeature }) => canUseFeature,
  },
  {
    name: 'explain_entitlement',
    title: 'Explain an entitlement',
    description:
      'Why a user has, or does not have, a feature, now or at a time: the answer, every package and grant that could count with the reason why it does or not, and the usage and changes that led there. Of several, the highest limit wins; limits are never added up. Top-ups are used once the budget is spent.',
    input: Reference.extend({
      at: Instant.optional().describe('The time, in ISO 8601. Default: now.'),
    }).strict(),
    document: `query ($userId: String!, $featureId: String!, $at: DateTime) {
      explainEntitlement(userId: $userId, featureId: $featureId, at: $at) {
        at access summary reason ${consumption}
        candidates {
          outcome reason limit overageEnabled startedAt endedAt windowStart windowEnd used
          subscription { id status package { id version } } grant { id reason }
        }
        usage { action delta occurredAt source note }
        changes { at action subjectType subjectId author { label } before after }
      }
      topUps(userId: $userId, featureId: $featureId, first: 100) { ${topUpFields} }
    }`,
    answer: ({ explainEntitlement, topUps }) => ({ ...explainEntitlement, topUps }),
  },
  {
    name: 'show_usage',
    title: 'Show usage',
    description: "A user's usage of a feature in the current window and earlier ones.",
    input: Reference.extend({ pastPeriods: z.int().min(1).max(120).default(12) }).strict(),
    document: `query ($userId: String!, $featureId: String!, $pastPeriods: Int) {
      showUsage(userId: $userId, featureId: $featureId, pastPeriods: $pastPeriods) {
        current { periodStart periodEnd ${consumption} } past { periodStart periodEnd ${consumption} } } }`,
    answer: ({ showUsage }) => showUsage,
  },
  {
    name: 'usage_over_time',
    title: 'Usage over time',
    description: 'The usage by hour, day or month: of the most used features, of all users or of one.',
    input: z.strictObject({
      userId: UserId.optional(),
      from: Instant.optional().describe('The start, in ISO 8601.'),
      to: Instant.optional().describe('The end, in ISO 8601; by default now.'),
      bucket: z.enum(['HOUR', 'DAY', 'MONTH']).default('DAY'),
      first: z.int().min(1).max(20).default(6).describe('How many features.'),
    }),
    document: `query ($userId: String, $from: DateTime, $to: DateTime, $bucket: UsageBucket, $first: Int) {
      usageByFeature(userId: $userId, from: $from, to: $to, bucket: $bucket, first: $first) {
        feature { id name } used buckets { start end used } } }`,
  },
  {
    name: 'list_usage_events',
    title: 'List usage events',
    description: 'The ledger of a user: every recorded usage, newest first.',
    input: z.strictObject({ userId: UserId, featureId: FeatureId.optional(), ...page }),
    document: `query ($userId: String!, $featureId: String, ${pageArgs}) {
      usageEvents(userId: $userId, featureId: $featureId, newestFirst: true, ${pageUse}) {
        id feature { id } delta action occurredAt recordedAt source note idempotencyKey } }`,
  },
  {
    name: 'list_features',
    title: 'List features',
    description: 'What is sold: BINARY features (on or off) and CONSUMABLE ones (counted), oldest first.',
    input: z.strictObject(page),
    document: `query (${pageArgs}) {
      features(${pageUse}) { id name type precision unitLabel unitLabelPlural metadata packages { id } } }`,
  },
  {
    name: 'list_packages',
    title: 'List packages',
    description: 'Packages with their features, limits and prices, oldest first.',
    input: z.strictObject({
      withStatus: z.enum(['DRAFT', 'PUBLISHED', 'ARCHIVED']).default('PUBLISHED'),
      ...page,
    }),
    document: `query ($withStatus: PackageStatus, ${pageArgs}) {
      packages(withStatus: $withStatus, ${pageUse}) { ${packageFields} } }`,
  },
  {
    name: 'get_package',
    title: 'Get a package',
    description: 'One package: features, prices, versions, add-ons and how many subscribers it has.',
    input: z.strictObject({ packageId: PackageId, version: z.int().min(1).optional() }),
    document: `query ($packageId: String!, $version: Int) { package(id: $packageId, version: $version) {
      ${packageFields} isCurrent subscriberCount updatedAt draft { version }
      versions { version subscriberCount } addons { id } basePackages { id } } }`,
  },
  {
    name: 'list_subscriptions',
    title: 'List subscriptions',
    description: 'Subscriptions of a user, to a package, or all of them, oldest first.',
    input: z.strictObject({ userId: UserId.optional(), packageId: PackageId.optional(), ...page }),
    document: `query ($userId: String, $packageId: String, ${pageArgs}) {
      subscriptions(userId: $userId, packageId: $packageId, ${pageUse}) { ${subscriptionFields} } }`,
  },
  {
    name: 'get_catalogue',
    title: 'Get the catalogue as a file',
    description:
      'All features, drafts and published packages as YAML: what publish_catalogue takes, to change and publish again.',
    input: z.strictObject({}),
    document: 'query { catalogue }',
  },
  {
    name: 'unmatched_events',
    title: 'Unmatched events',
    description:
      'Segment events that no mapping rule turns into usage, in groups by name and by property, and the state of all events.',
    input: z.strictObject({}),
    document: `query {
      unmatchedEvents { byEventName { eventName count } byProperty { path value count } }
      segmentStatus { lastEventAt unmatched deltaUnusable pendingEvents pendingUsers outcomes { outcome count } } }`,
    answer: ({ unmatchedEvents, segmentStatus }) => ({ ...unmatchedEvents, status: segmentStatus }),
  },
  {
    name: 'list_segment_events',
    title: 'List Segment events',
    description: 'Stored Segment events with what became of each, newest first.',
    input: z.strictObject({
      outcome: z.enum(['UNMATCHED', 'DELTA_UNUSABLE', 'PENDING_USER', 'RECORDED', 'IGNORED']).optional(),
      ...page,
      first: z.int().min(1).max(50).default(10).describe('At most this many.'),
    }),
    document: `query ($outcome: SegmentOutcome, ${pageArgs}) {
      segmentEvents(outcome: $outcome, newestFirst: true, ${pageUse}) {
        messageId type eventName userId outcome delta feature { id } timestamp receivedAt warnings payload } }`,
  },
  {
    name: 'list_mapping_rules',
    title: 'List mapping rules',
    description: 'The rules that turn Segment events into usage.',
    input: z.strictObject(page),
    document: `query (${pageArgs}) { mappingRules(${pageUse}) {
      id name eventName conditions { path equals } deltaPath feature { id } backfill { state examined matched } } }`,
  },
  {
    name: 'list_flags',
    title: 'List flags',
    description:
      'What needs a person: users with the same email or billing id, users without a billing id, and problems with the billing provider.',
    input: z.strictObject({ first: page.first }),
    document: `query ($first: Int) {
      flaggedUsers { sameEmail(first: $first) { ${userFields} } sameBillingId(first: $first) { ${userFields} }
        withoutBillingId(first: $first) { ${userFields} } }
      billingFlags(first: $first) { kind message since user { id } } }`,
    answer: ({ flaggedUsers, billingFlags }) => ({ ...flaggedUsers, billing: billingFlags }),
  },
  {
    name: 'audit_log',
    title: 'Audit log',
    description: 'Who changed what and when, newest first; of everything, or of one user.',
    input: z.strictObject({ userId: UserId.optional(), ...page }),
    document: `query ($userId: String, ${pageArgs}) { auditLog(userId: $userId, ${pageUse}) {
      id at action subjectType subjectId author { label } before after withheld } }`,
  },
];
