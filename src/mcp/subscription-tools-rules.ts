import { z } from 'zod';
import { Instant, PackageId, subscriptionFields, UserId } from './read-tools-rules.ts';
import type { Arguments, Data, WriteTool } from './tool-rules.ts';

/* Tools that change subscriptions. */

const When = {
  at: Instant.optional().describe('When, in ISO 8601; by default now.'),
  atPeriodEnd: z.boolean().optional().describe('At the end of the running period.'),
};
const whenArgs = '$at: DateTime, $atPeriodEnd: Boolean';
const whenUse = 'at: $at, atPeriodEnd: $atPeriodEnd';

const termsFields = `id name status version isAddon prices { displayAmount currency interval }
  features { id limit resetPeriod resetEvery overageEnabled }`;

const instantOf = ({ at, atPeriodEnd }: Arguments) =>
  atPeriodEnd === true ? 'at the end of the running period' : at === undefined ? 'now' : `at ${at}`;

/** Those that have not ended, in the order of their start. */
const heldOf = (subscriptions: Data[]): Data[] =>
  subscriptions.filter(({ status }) => !['CANCELLED', 'INCOMPLETE_EXPIRED'].includes(status));

const named = ({ id, package: held }: Data) => `"${held.id}" (subscription ${id})`;

export const subscriptionTools: readonly WriteTool[] = [
  {
    name: 'subscribe_user',
    title: 'Subscribe a user',
    description:
      'Subscribes a user to packages, to all of them or to none. A user has at most one base package and any number of add-ons.',
    input: z.strictObject({
      userId: UserId,
      packageIds: z.array(PackageId).min(1).max(10),
      startsAt: Instant.optional().describe('The start, in ISO 8601; by default now.'),
      trialEndsAt: Instant.optional().describe('A trial until then, in ISO 8601.'),
      afterTrialPackageId: PackageId.optional().describe('The base package after the trial.'),
    }),
    preview: {
      document: `query ($userId: String!) {
        user(id: $userId) { id name email }
        subscriptions(userId: $userId, first: 100) { ${subscriptionFields} }
        packages(first: 1000) { ${termsFields} }
      }`,
      variables: ({ userId }) => ({ userId }),
      plan({ user, subscriptions, packages }, { packageIds, startsAt, trialEndsAt }) {
        const ids = packageIds as string[];
        const wanted = packages.filter(({ id }: Data) => ids.includes(id));
        const held = heldOf(subscriptions);
        const known = new Set(wanted.map(({ id }: Data) => id));
        return {
          changes: ids.map(
            (id) =>
              `The user "${user.id}" is subscribed to "${id}", from ${startsAt ?? 'now'} on${trialEndsAt === undefined ? '' : `, on trial until ${trialEndsAt}`}.`,
          ),
          warnings: [
            ...ids.filter((id) => !known.has(id)).map((id) => `There is no published package "${id}".`),
            ...held.map((each) => `The user has ${named(each)} already: ${each.status}.`),
          ],
          before: { user, subscriptions: held, packages: wanted },
        };
      },
    },
    apply: {
      document: `mutation ($userId: String!, $packageIds: [String!]!, $startsAt: DateTime, $trialEndsAt: DateTime, $afterTrialPackageId: String) {
        subscribe(userId: $userId, packageIds: $packageIds, startsAt: $startsAt, trialEndsAt: $trialEndsAt, afterTrialPackageId: $afterTrialPackageId) { ${subscriptionFields} } }`,
      answer: ({ subscribe }) => ({ subscriptions: subscribe }),
    },
  },
  {
    name: 'change_package',
    title: 'Change the package of a user',
    description:
      'Replaces the base package of a user in one step, now or later. Add-ons that are not available with the new one are cancelled.',
    input: z.strictObject({
      userId: UserId,
      packageId: PackageId.describe('The id of a published base package.'),
      ...When,
      usage: z
        .enum(['RESET', 'CARRY'])
        .optional()
        .describe('Whether the usage of the running windows starts anew, as by default, or is carried over.'),
    }),
    isDestructive: true,
    preview: {
      document: `query ($userId: String!, $packageId: String!) {
        user(id: $userId) { id name email }
        subscriptions(userId: $userId, first: 100) { ${subscriptionFields} package { isAddon } }
        package(id: $packageId) { ${termsFields} addons { id } }
      }`,
      variables: ({ userId, packageId }) => ({ userId, packageId }),
      plan({ user, subscriptions, package: next }, args) {
        const held = heldOf(subscriptions);
        const bases = held.filter((each) => !each.package.isAddon);
        const available = new Set(next.addons.map(({ id }: Data) => id));
        const lost = held.filter((each) => each.package.isAddon && !available.has(each.package.id));
        return {
          changes: [
            `The base package of "${user.id}" becomes "${next.id}" ${instantOf(args)}, in the place of ${bases.map(named).join(', ') || 'none'}. Usage: ${args.usage ?? 'RESET'}.`,
            ...lost.map((each) => `The add-on ${named(each)} is cancelled.`),
          ],
          warnings: [
            ...(bases.length === 0 ? ['The user has no base package to change: use subscribe_user.'] : []),
            ...bases.filter(({ provider }) => provider !== null).map(heldByProvider),
          ],
          before: { user, subscriptions: held, package: next },
        };
      },
    },
    apply: {
      document: `mutation ($userId: String!, $packageId: String!, ${whenArgs}, $usage: CarriedUsage) {
        changePackage(userId: $userId, packageId: $packageId, ${whenUse}, usage: $usage) {
          subscription { ${subscriptionFields} } replaced { ${subscriptionFields} } cancelledAddons { ${subscriptionFields} } } }`,
      answer: ({ changePackage }) => changePackage,
    },
  },
  {
    name: 'cancel_subscription',
    title: 'Cancel a subscription',
    description: 'Cancels a subscription, now or later. A base package takes its add-ons with it.',
    input: z.strictObject({ subscriptionId: z.string().describe('The id of a subscription.'), ...When }),
    isDestructive: true,
    preview: {
      document: subscriptionDocument(),
      variables: ({ subscriptionId }) => ({ subscriptionId }),
      plan({ subscription }, args) {
        return {
          changes: [
            `The subscription of "${subscription.userId}" to ${named(subscription)} ends ${instantOf(args)}.`,
            ...(subscription.package.isAddon ? [] : ['Add-ons of the user end with it.']),
          ],
          warnings: subscription.provider === null ? [] : [heldByProvider(subscription)],
          before: subscription,
        };
      },
    },
    apply: {
      document: `mutation ($subscriptionId: String!, ${whenArgs}) {
        cancelSubscription(id: $subscriptionId, ${whenUse}) { ${subscriptionFields} } }`,
      answer: ({ cancelSubscription }) => cancelSubscription,
    },
  },
  {
    name: 'resume_subscription',
    title: 'Resume a subscription',
    description: 'Takes a scheduled end back. What was to follow does not start.',
    input: z.strictObject({ subscriptionId: z.string().describe('The id of a subscription.') }),
    preview: {
      document: subscriptionDocument(),
      plan: ({ subscription }) => ({
        changes: [
          `The subscription of "${subscription.userId}" to ${named(subscription)} goes on after ${subscription.cancelsAt}.`,
        ],
        warnings: subscription.cancelsAt === null ? ['It has no scheduled end.'] : [],
        before: subscription,
      }),
    },
    apply: {
      document: `mutation ($subscriptionId: String!) {
        resumeSubscription(id: $subscriptionId) { ${subscriptionFields} } }`,
      answer: ({ resumeSubscription }) => resumeSubscription,
    },
  },
];

function subscriptionDocument(): string {
  return `query ($subscriptionId: String!) {
    subscription(id: $subscriptionId) { ${subscriptionFields} package { isAddon } } }`;
}

function heldByProvider({ id, provider }: Data): string {
  return `The subscription ${id} is held by ${provider}: change it there.`;
}
