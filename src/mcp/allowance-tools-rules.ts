import { z } from 'zod';
import { FeatureId, Instant, UserId } from './read-tools-rules.ts';
import type { Data, WriteTool } from './tool-rules.ts';

/* Tools that record usage, and that give one user something beside packages. */

const consumption = 'consumption { used budget remaining overageEnabled }';
const terms = 'subscription { id package { id version } } grant { id }';
const grantFields =
  'id userId feature { id } limit resetPeriod resetEvery overageEnabled startsAt endsAt revokedAt reason';
const topUpFields = 'id userId feature { id } amount remaining expiresAt voidedAt priority reason';

const Reason = z.string().max(255).optional().describe('Why; the audit log keeps it.');
const Reference = z.object({ userId: UserId, featureId: FeatureId });

const entitlementDocument = (more = '') => `query ($userId: String!, $featureId: String!) {
  user(id: $userId) { id name email }
  feature(id: $featureId) { id name type precision unitLabel unitLabelPlural }
  entitlements(userId: $userId, featureId: $featureId) { access ${consumption} ${terms} }
  ${more}
}`;

const referenceOf = ({ userId, featureId }: Record<string, unknown>) => ({ userId, featureId });

const limitOf = (limit: unknown) =>
  limit === undefined || limit === null ? 'without a limit' : `up to ${limit}`;

export const allowanceTools: readonly WriteTool[] = [
  {
    name: 'record_usage',
    title: 'Record usage',
    description:
      'Records usage of a CONSUMABLE feature by a user. It is recorded over the budget too, unless `enforce` is set.',
    input: Reference.extend({
      delta: z.number().default(1).describe('The amount. With ADD, a negative amount reverts usage.'),
      action: z.enum(['ADD', 'SET']).default('ADD').describe('SET replaces the usage of the window.'),
      enforce: z.boolean().default(false).describe('Record only if the user is entitled to the amount.'),
      timestamp: Instant.optional().describe('When it was used, in ISO 8601; by default now.'),
      note: z.string().max(255).optional().describe('A note that the ledger keeps.'),
    }).strict(),
    preview: {
      document: entitlementDocument(),
      variables: referenceOf,
      plan({ user, feature, entitlements: [held] }, { delta, action }) {
        const { used = 0, budget = null } = held?.consumption ?? {};
        const then = action === 'SET' ? Number(delta) : used + Number(delta);
        return {
          changes: [
            `The usage of "${feature.id}" by "${user.id}" in the current window goes from ${used} to ${then}${budget === null ? '' : `, of ${budget}`}.`,
          ],
          warnings: [
            ...(feature.type === 'BINARY' ? ['Nothing is recorded: the feature is BINARY.'] : []),
            ...(held === undefined ? ['The user is not entitled to the feature.'] : []),
            ...(budget !== null && then > budget ? ['It is more than the budget.'] : []),
          ],
          before: { user, feature, entitlement: held ?? null },
          // Others may record meanwhile. What counts is what the usage counts towards.
          basis: [user.id, feature, held?.subscription ?? null, held?.grant ?? null, budget],
        };
      },
    },
    apply: {
      document: `mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) {
        recorded reason duplicate entitlement { access reason ${consumption} } } }`,
      variables: (input, { idempotencyKey }) => ({ input: { ...input, idempotencyKey } }),
      answer: ({ recordUsage }) => recordUsage,
    },
  },
  {
    name: 'grant_feature',
    title: 'Grant a feature',
    description:
      'Gives a feature to one user, beside packages: more of it until a date, for example. It is one more candidate of the highest limit, with windows of its own; limits are never added up.',
    input: Reference.extend({
      limit: z.number().min(0).optional().describe('The limit. Without it: unlimited, or a BINARY feature.'),
      resetPeriod: z.enum(['HOUR', 'DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR']).optional(),
      resetEvery: z.int().min(1).optional(),
      overageEnabled: z.boolean().optional(),
      startsAt: Instant.optional(),
      endsAt: Instant.optional(),
      reason: Reason,
    }).strict(),
    preview: {
      document: entitlementDocument(
        `grants(userId: $userId, featureId: $featureId, first: 100) { ${grantFields} }`,
      ),
      variables: referenceOf,
      plan({ user, feature, entitlements: [held], grants }, { limit, startsAt, endsAt }) {
        const running = (grants as Data[]).filter(({ revokedAt }) => revokedAt === null);
        const budget = held?.consumption?.budget;
        const isLower = typeof budget === 'number' && typeof limit === 'number' && limit <= budget;
        return {
          changes: [
            `"${user.id}" gets "${feature.id}" ${feature.type === 'BINARY' ? '' : limitOf(limit)} from ${startsAt ?? 'now'} ${endsAt === undefined ? 'on' : `until ${endsAt}`}.`,
          ],
          warnings: [
            ...(isLower ? [`The user has a limit of ${budget} already, and the highest counts.`] : []),
            ...running.map(({ id }) => `The user has a grant of this feature: ${id}.`),
          ],
          before: { user, feature, entitlement: held ?? null, grants: running },
          basis: [user.id, feature, held?.subscription ?? null, running.map(({ id }) => id)],
        };
      },
    },
    apply: {
      document: `mutation ($input: GrantFeatureInput!) { grantFeature(input: $input) { ${grantFields} } }`,
      variables: (input, { idempotencyKey }) => ({ input: { ...input, idempotencyKey } }),
      answer: ({ grantFeature }) => grantFeature,
    },
  },
  {
    name: 'revoke_grant',
    title: 'Revoke a feature grant',
    description: 'Ends a feature grant of a user now.',
    input: z.strictObject({
      userId: UserId,
      grantId: z.string().describe('The id of the grant, as get_user lists it.'),
      reason: Reason,
    }),
    isDestructive: true,
    preview: {
      document: `query ($userId: String!) { grants(userId: $userId, first: 1000) { ${grantFields} } }`,
      variables: ({ userId }) => ({ userId }),
      plan: ({ grants }, { userId, grantId }) =>
        planEnd(`The grant ${grantId} of "${userId}" ends now.`, 'revokedAt', find(grants, grantId)),
    },
    apply: {
      document: `mutation ($grantId: String!, $reason: String) {
        revokeGrant(id: $grantId, reason: $reason) { ${grantFields} } }`,
      variables: ({ grantId, reason }) => ({ grantId, reason }),
      answer: ({ revokeGrant }) => revokeGrant,
    },
  },
  {
    name: 'top_up',
    title: 'Top up a feature',
    description:
      'Gives a user a one-off amount of a CONSUMABLE feature. It is used once the budget of the window is spent.',
    input: Reference.extend({
      amount: z.number().positive(),
      expiresAt: Instant.optional().describe('The end, in ISO 8601; by default never.'),
      priority: z.int().min(0).max(1000).optional().describe('The smaller number is used first.'),
      reason: Reason,
    }).strict(),
    preview: {
      document: entitlementDocument(
        `topUps(userId: $userId, featureId: $featureId, first: 100) { ${topUpFields} }`,
      ),
      variables: referenceOf,
      plan({ user, feature, entitlements: [held], topUps }, { amount, expiresAt }) {
        const open = (topUps as Data[]).filter(
          ({ voidedAt, remaining }) => voidedAt === null && remaining > 0,
        );
        return {
          changes: [
            `"${user.id}" gets ${amount} more of "${feature.id}", ${expiresAt === undefined ? 'without an end' : `until ${expiresAt}`}.`,
          ],
          warnings: [
            ...(held === undefined ? ['The user is not entitled to the feature otherwise.'] : []),
            ...open.map(({ id, remaining }) => `${remaining} remain of the top-up ${id}.`),
          ],
          before: { user, feature, entitlement: held ?? null, topUps: open },
          basis: [user.id, feature, held?.subscription ?? null, open.map(({ id }) => id)],
        };
      },
    },
    apply: {
      document: `mutation ($input: TopUpInput!) { topUp(input: $input) { ${topUpFields} } }`,
      variables: (input, { idempotencyKey }) => ({ input: { ...input, idempotencyKey } }),
      answer: ({ topUp }) => topUp,
    },
  },
  {
    name: 'void_top_up',
    title: 'Void a top-up',
    description: 'Takes back what was not used of a top-up.',
    input: z.strictObject({
      userId: UserId,
      topUpId: z.string().describe('The id of the top-up, as get_user lists it.'),
      reason: Reason,
    }),
    isDestructive: true,
    preview: {
      document: `query ($userId: String!) { topUps(userId: $userId, first: 1000) { ${topUpFields} } }`,
      variables: ({ userId }) => ({ userId }),
      plan({ topUps }, { userId, topUpId }) {
        const found = find(topUps, topUpId);
        const left = found === undefined ? '' : ` ${found.remaining} of ${found.amount} are taken back.`;
        return planEnd(`The top-up ${topUpId} of "${userId}" is void from now on.${left}`, 'voidedAt', found);
      },
    },
    apply: {
      document: `mutation ($topUpId: String!, $reason: String) {
        voidTopUp(id: $topUpId, reason: $reason) { ${topUpFields} } }`,
      variables: ({ topUpId, reason }) => ({ topUpId, reason }),
      answer: ({ voidTopUp }) => voidTopUp,
    },
  },
];

const find = (rows: Data[], wanted: unknown): Data | undefined => rows.find(({ id }) => id === wanted);

/** @param ended the field that tells since when it has ended */
function planEnd(change: string, ended: string, found: Data | undefined) {
  const warnings =
    found === undefined
      ? ['The user has none with this id.']
      : found[ended] === null
        ? []
        : [`It has ended: ${found[ended]}.`];
  return { changes: [change], warnings, before: found ?? null };
}
