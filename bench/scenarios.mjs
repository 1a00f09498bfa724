// What is asked, the same for every contestant.
import { featureIds, users } from './database.mjs';

const anyUser = () => `user-${Math.floor(Math.random() * users)}`;
const anyFeature = () => featureIds[Math.floor(Math.random() * featureIds.length)];

const mutation = (selection) =>
  `mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { ${selection} } }`;
const record = mutation('recorded reason');
const recordAndCheck = mutation(
  'recorded reason entitlement { access reason consumption { used budget overageEnabled } }',
);
const check =
  'query ($userId: String!, $featureId: String!) { canUseFeature(userId: $userId, featureId: $featureId) { access reason consumption { used budget overageEnabled } } }';
const recordMany =
  'mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded } }';
const postgraphileRecord = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { boolean } }';

/** How many requests each connection takes turns with, where none needs to be new. */
const prepared = 100;

const usage = () => ({ userId: anyUser(), featureId: anyFeature(), delta: 1 });

/** A user and a feature of a database that was filled by growth.mjs. */
const grown = ({ users, features }) => ({
  userId: `grown-${Math.floor(Math.random() * users)}`,
  featureId: `grown-${Math.floor(Math.random() * features)}`,
});

/** A user and a feature of a database that was filled by retention.mjs. */
const old = ({ users, features }) => ({
  userId: `old-${Math.floor(Math.random() * users)}`,
  featureId: `feature-${Math.floor(Math.random() * features)}`,
});

export const scenarios = {
  record: { prepared, body: () => JSON.stringify({ query: record, variables: { input: usage() } }) },
  recordPostgraphile: {
    body: (id) =>
      JSON.stringify({
        query: postgraphileRecord,
        variables: { input: { ...usage(), idempotencyKey: id } },
      }),
  },
  recordOnce: {
    body: (id) => JSON.stringify({ query: record, variables: { input: { ...usage(), idempotencyKey: id } } }),
  },
  recordAndCheck: {
    prepared,
    body: () => JSON.stringify({ query: recordAndCheck, variables: { input: usage() } }),
  },
  // A decision under the lock of its user. Most are refused: their limit is soon used up.
  recordEnforced: {
    prepared,
    body: () => JSON.stringify({ query: record, variables: { input: { ...usage(), enforce: true } } }),
  },
  recordHot: {
    prepared,
    body: () =>
      JSON.stringify({
        query: record,
        variables: { input: { userId: 'user-1', featureId: 'feature-1', delta: 1 } },
      }),
  },
  // An event as Segment's webhook sends it.
  track: {
    path: '/segment/events',
    body: (id) => {
      const { userId, featureId, delta } = usage();
      const timestamp = new Date().toISOString();
      const properties = { featureId, delta };
      return JSON.stringify({ type: 'track', messageId: id, userId, event: 'Used', timestamp, properties });
    },
  },
  check: {
    prepared,
    body: () => JSON.stringify({ query: check, variables: { userId: anyUser(), featureId: anyFeature() } }),
  },
  // No request comes twice: who was asked about before would be in memory.
  recordGrown: {
    isNeverRepeated: true,
    body: (_id, size) =>
      JSON.stringify({ query: record, variables: { input: { ...grown(size), delta: 1 } } }),
  },
  checkGrown: {
    isNeverRepeated: true,
    body: (_id, size) => JSON.stringify({ query: check, variables: grown(size) }),
  },
  recordOld: {
    prepared,
    body: (_id, size) => JSON.stringify({ query: record, variables: { input: { ...old(size), delta: 1 } } }),
  },
  checkOld: {
    prepared,
    body: (_id, size) => JSON.stringify({ query: check, variables: old(size) }),
  },
  recordThousand: {
    rows: 1_000,
    body: () =>
      JSON.stringify({ query: recordMany, variables: { input: Array.from({ length: 1_000 }, usage) } }),
  },
};
