import { z } from 'zod';
import { invalidInput } from '../errors.ts';
import {
  type Data,
  listOf,
  Page,
  pageArgs,
  pageOf,
  pageUse,
  type RestOperation,
  userId,
} from './operation-rules.ts';
import * as shapes from './shapes-rules.ts';
import { subscriptionOperations } from './subscription-operations-rules.ts';

const consumption = 'consumption { used budget remaining overageEnabled }';
const userFields = 'id name email billingId metadata';
const recordedFields = `recorded reason duplicate entitlement { access reason ${consumption} }`;
const entitlementFields = `access reason ${consumption} feature { id type } subscription { id package { id } }`;

function entitlementOf({ feature, subscription, ...rest }: Data, userId: string) {
  return {
    userId,
    featureId: feature.id,
    featureType: feature.type,
    ...rest,
    packageId: subscription?.package.id ?? null,
    subscriptionId: subscription?.id ?? null,
  };
}

export const operations: readonly RestOperation[] = [
  {
    method: 'GET',
    path: '/users/{userId}/entitlements',
    id: 'listEntitlements',
    summary: 'The features that a user is entitled to, oldest first.',
    response: listOf('entitlements', shapes.Entitlement),
    document: `query ($userId: String!) { entitlements(userId: $userId) { ${entitlementFields} } }`,
    variables: (given) => ({ userId: userId(given) }),
    answer: ({ entitlements }, given) => ({
      entitlements: entitlements.map((each: Data) => entitlementOf(each, userId(given))),
    }),
  },
  {
    method: 'GET',
    path: '/users/{userId}/entitlements/{featureId}',
    id: 'getEntitlement',
    summary: 'Whether a user may use a feature, and what is left of it.',
    query: z.object({
      amount: z
        .string()
        .regex(/^\d+(\.\d+)?$/, 'must be a number, 0 or more')
        .optional()
        .describe('How much the user wants to use; by default 1.'),
    }),
    response: shapes.Entitlement,
    document: `query ($userId: String!, $featureId: String!, $amount: Amount) {
      feature(id: $featureId) { id type }
      canUseFeature(userId: $userId, featureId: $featureId, amount: $amount) { access reason ${consumption} }
      entitlements(userId: $userId, featureId: $featureId) { subscription { id package { id } } }
    }`,
    variables: ({ params, query: { amount } }) => ({
      ...params,
      amount: amount === undefined ? 1 : Number(amount),
    }),
    answer: ({ feature, canUseFeature, entitlements: [held] }, given) =>
      entitlementOf({ feature, subscription: held?.subscription, ...canUseFeature }, userId(given)),
  },
  {
    method: 'POST',
    path: '/usage',
    id: 'recordUsage',
    summary: 'Records a usage. The answer comes after it is on disk.',
    body: shapes.Usage,
    response: shapes.Recorded,
    document: `mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { ${recordedFields} } }`,
    variables: ({ body, idempotencyKey }) => ({
      input: { ...body, idempotencyKey: oneKey(body.idempotencyKey, idempotencyKey) },
    }),
    answer: ({ recordUsage }) => recordUsage,
  },
  {
    method: 'POST',
    path: '/usage/batch',
    id: 'recordUsages',
    summary: 'Records up to 1,000 usages, with a result for each, in order.',
    body: z.strictObject({ usages: z.array(z.unknown()).describe('As for POST /v1/usage.') }),
    response: listOf('results', shapes.RecordedItem),
    document: `mutation ($input: [CreateUsageEventInput!]!) {
      recordUsages(input: $input) { ${recordedFields} error { name message code } } }`,
    variables: ({ body: { usages } }) => ({ input: usages }),
    answer: ({ recordUsages }) => ({ results: recordUsages }),
  },
  {
    method: 'GET',
    path: '/users',
    id: 'listUsers',
    summary: 'Users, oldest first.',
    query: Page.extend({
      search: z.string().optional().describe('Words that begin words of the id, name, email or billing id.'),
    }),
    response: listOf('users', shapes.User),
    document: `query (${pageArgs}, $search: String) { users(${pageUse}, search: $search) { ${userFields} } }`,
    variables: (given) => ({ ...pageOf(given), search: given.query.search ?? null }),
    answer: (data) => data,
  },
  {
    method: 'POST',
    path: '/users',
    id: 'createUser',
    summary: 'Creates a user.',
    body: shapes.NewUser,
    response: shapes.User,
    status: 201,
    document: `mutation ($input: CreateUserInput!) { createUser(input: $input) { ${userFields} } }`,
    variables: ({ body }) => ({ input: body }),
    answer: ({ createUser }) => createUser,
  },
  {
    method: 'GET',
    path: '/users/{userId}',
    id: 'getUser',
    summary: 'One user. The id of a merged user leads to the survivor.',
    response: shapes.User,
    document: `query ($userId: String!) { user(id: $userId) { ${userFields} } }`,
    variables: ({ params }) => ({ ...params }),
    answer: ({ user }) => user,
  },
  {
    method: 'PATCH',
    path: '/users/{userId}',
    id: 'updateUser',
    summary: 'Changes a user. An omitted field stays, null clears.',
    body: shapes.UserChange,
    response: shapes.User,
    document: `mutation ($userId: String!, $input: UpdateUserInput!) {
      updateUser(id: $userId, input: $input) { ${userFields} } }`,
    variables: (given) => ({ ...given.params, input: { id: userId(given), ...given.body } }),
    answer: ({ updateUser }) => updateUser,
  },
  {
    method: 'DELETE',
    path: '/users/{userId}',
    id: 'deleteUser',
    summary: 'Deletes a user with all that belongs to the user.',
    response: z.object({ id: z.string() }),
    document: 'mutation ($userId: String!) { deleteUser(id: $userId) { id } }',
    variables: ({ params }) => ({ ...params }),
    answer: ({ deleteUser }) => deleteUser,
  },
  ...subscriptionOperations,
  {
    method: 'POST',
    path: '/users/{userId}/tokens',
    id: 'generateUserToken',
    summary: 'Makes a token with which a browser reads about this user.',
    body: z.strictObject({}),
    response: z.object({ token: z.string() }),
    status: 201,
    document: 'mutation ($userId: String!) { generateUserToken(userId: $userId) { token } }',
    variables: ({ params }) => ({ ...params }),
    answer: ({ generateUserToken }) => generateUserToken,
  },
  {
    method: 'GET',
    path: '/features',
    id: 'listFeatures',
    summary: 'Features, oldest first.',
    query: Page,
    response: listOf('features', shapes.Feature),
    document: `query (${pageArgs}) {
      features(${pageUse}) { id name type unitLabel unitLabelPlural metadata } }`,
    variables: pageOf,
    answer: (data) => data,
  },
  {
    method: 'GET',
    path: '/packages',
    id: 'listPackages',
    summary: 'Published packages, oldest first, with their features.',
    query: Page,
    response: listOf('packages', shapes.Package),
    document: `query (${pageArgs}) { packages(${pageUse}) {
      id name status isAddon metadata features { id name type limit resetPeriod overageEnabled } } }`,
    variables: pageOf,
    answer: (data) => data,
  },
];

/** The key of the body, or of the header. */
function oneKey(inBody: unknown, inHeader: string | undefined): unknown {
  if (inBody && inHeader !== undefined && inBody !== inHeader)
    throw invalidInput('body.idempotencyKey', 'is another one than in the header Idempotency-Key');
  return inBody ?? inHeader;
}
