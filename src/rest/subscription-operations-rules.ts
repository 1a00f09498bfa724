import { z } from 'zod';
import { type Data, listOf, Page, pageArgs, pageOf, pageUse, type RestOperation } from './operation-rules.ts';
import * as shapes from './shapes-rules.ts';

/* Subscriptions, and migrations of subscribers. */

const fields = 'id userId status startedAt endedAt cancelsAt trialEnd package { id version }';
const migrationFields = `id state problem fromPackageId fromVersion toPackageId toVersion at usage total examined moved
  skipped failed createdAt finishedAt`;

const subscriptionOf = ({ package: { id: packageId, version: packageVersion }, ...rest }: Data) => ({
  ...rest,
  packageId,
  packageVersion,
});

const isTrue = (text: string | undefined) => text === 'true';

export const subscriptionOperations: readonly RestOperation[] = [
  {
    method: 'GET',
    path: '/users/{userId}/subscriptions',
    id: 'listSubscriptions',
    summary: 'The subscriptions of a user, oldest first, with those that have ended.',
    query: Page,
    response: listOf('subscriptions', shapes.Subscription),
    document: `query ($userId: String!, ${pageArgs}) {
      subscriptions(userId: $userId, ${pageUse}) { ${fields} } }`,
    variables: (given) => ({ ...given.params, ...pageOf(given) }),
    answer: ({ subscriptions }) => ({ subscriptions: subscriptions.map(subscriptionOf) }),
  },
  {
    method: 'POST',
    path: '/users/{userId}/subscriptions',
    id: 'subscribe',
    summary: 'Subscribes a user to all of these packages, or to none.',
    body: shapes.Subscribing,
    response: listOf('subscriptions', shapes.Subscription),
    status: 201,
    document: `mutation ($userId: String!, $packageIds: [String!]!, $startsAt: DateTime, $trialEndsAt: DateTime,
      $afterTrialPackageId: String) {
      subscribe(userId: $userId, packageIds: $packageIds, startsAt: $startsAt, trialEndsAt: $trialEndsAt,
        afterTrialPackageId: $afterTrialPackageId) { ${fields} } }`,
    variables: ({ params, body }) => ({ ...params, ...body }),
    answer: ({ subscribe }) => ({ subscriptions: subscribe.map(subscriptionOf) }),
  },
  {
    method: 'POST',
    path: '/subscriptions',
    id: 'subscribeUsers',
    summary: 'Subscribes up to 1,000 users, each on its own.',
    body: z.strictObject({ users: z.array(shapes.SubscribingUser) }),
    response: listOf('results', shapes.SubscribedUser),
    document: `mutation ($input: [SubscribeUserInput!]!) {
      subscribeUsers(input: $input) { subscriptions { ${fields} } error { name message code } } }`,
    variables: ({ body }) => ({ input: body.users }),
    answer: ({ subscribeUsers }) => ({
      results: subscribeUsers.map(({ subscriptions, error }: Data) => ({
        subscriptions: subscriptions.map(subscriptionOf),
        error,
      })),
    }),
  },
  {
    method: 'POST',
    path: '/users/{userId}/package',
    id: 'changePackage',
    summary: 'Replaces the base package of a user, now or later.',
    body: shapes.PackageChange,
    response: shapes.ChangedPackage,
    document: `mutation ($userId: String!, $packageId: String!, $at: DateTime, $atPeriodEnd: Boolean, $usage: CarriedUsage) {
      changePackage(userId: $userId, packageId: $packageId, at: $at, atPeriodEnd: $atPeriodEnd, usage: $usage) {
        subscription { ${fields} } replaced { ${fields} } cancelledAddons { ${fields} } } }`,
    variables: ({ params, body }) => ({ ...params, ...body }),
    answer: ({ changePackage: { subscription, replaced, cancelledAddons } }) => ({
      subscription: subscriptionOf(subscription),
      replaced: subscriptionOf(replaced),
      cancelledAddons: cancelledAddons.map(subscriptionOf),
    }),
  },
  {
    method: 'DELETE',
    path: '/subscriptions/{subscriptionId}',
    id: 'cancelSubscription',
    summary: 'Cancels a subscription now or later. A base package takes its add-ons with it.',
    query: z.object({
      at: z.string().optional().describe('When, in ISO 8601; now by default.'),
      atPeriodEnd: z.enum(['true', 'false']).optional().describe('At the end of the running period.'),
    }),
    response: shapes.Subscription,
    document: `mutation ($subscriptionId: String!, $at: DateTime, $atPeriodEnd: Boolean) {
      cancelSubscription(id: $subscriptionId, at: $at, atPeriodEnd: $atPeriodEnd) { ${fields} } }`,
    variables: ({ params, query: { at, atPeriodEnd } }) => ({
      ...params,
      at: at ?? null,
      atPeriodEnd: isTrue(atPeriodEnd),
    }),
    answer: ({ cancelSubscription }) => subscriptionOf(cancelSubscription),
  },
  {
    method: 'POST',
    path: '/subscriptions/{subscriptionId}/resume',
    id: 'resumeSubscription',
    summary: 'Takes a scheduled end back.',
    body: z.strictObject({}),
    response: shapes.Subscription,
    document: `mutation ($subscriptionId: String!) { resumeSubscription(id: $subscriptionId) { ${fields} } }`,
    variables: ({ params }) => ({ ...params }),
    answer: ({ resumeSubscription }) => subscriptionOf(resumeSubscription),
  },
  {
    method: 'POST',
    path: '/migrations/preview',
    id: 'previewMigration',
    summary: 'What a migration would do now. Nothing is changed.',
    body: shapes.NewMigration,
    response: shapes.MigrationPreview,
    document: `query ($input: MigrateSubscribersInput!) { previewMigration(input: $input) {
      total moving skipped skippedUsers { userId reason } overLimit
      overLimitUsers { userId featureId used limit overageEnabled } endingAddons { packageId count } } }`,
    variables: ({ body }) => ({ input: body }),
    answer: ({ previewMigration }) => previewMigration,
  },
  {
    method: 'POST',
    path: '/migrations',
    id: 'migrateSubscribers',
    summary: 'Starts to move the subscribers of a package to another package or version.',
    body: shapes.NewMigration,
    response: shapes.Migration,
    status: 201,
    document: `mutation ($input: MigrateSubscribersInput!) { migrateSubscribers(input: $input) { ${migrationFields} } }`,
    variables: ({ body }) => ({ input: body }),
    answer: ({ migrateSubscribers }) => migrateSubscribers,
  },
  {
    method: 'GET',
    path: '/migrations',
    id: 'listMigrations',
    summary: 'Migrations, newest first.',
    query: Page,
    response: listOf('migrations', shapes.Migration),
    document: `query (${pageArgs}) { migrations(${pageUse}) { ${migrationFields} } }`,
    variables: pageOf,
    answer: (data) => data,
  },
  {
    method: 'GET',
    path: '/migrations/{migrationId}',
    id: 'getMigration',
    summary: 'A migration and its progress.',
    response: shapes.Migration,
    document: `query ($migrationId: String!) { migration(id: $migrationId) { ${migrationFields} } }`,
    variables: ({ params }) => ({ ...params }),
    answer: ({ migration }) => migration,
  },
  {
    method: 'POST',
    path: '/migrations/{migrationId}/stop',
    id: 'stopMigration',
    summary: 'Stops a migration. Who was moved stays moved.',
    body: z.strictObject({}),
    response: shapes.Migration,
    document: `mutation ($migrationId: String!) { stopMigration(id: $migrationId) { ${migrationFields} } }`,
    variables: ({ params }) => ({ ...params }),
    answer: ({ stopMigration }) => stopMigration,
  },
];
