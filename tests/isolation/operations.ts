import type { Names } from './world.ts';

/** The arguments of one call, made of the ids of a world; in that world they are right. */
export type Arguments = (its: Names) => Record<string, unknown>;

export interface Row {
  /** Calls that together give every argument, and every field of an input, at least once. */
  calls: Arguments[];
  /** Why a query tells nothing that is secret, or why a mutation changes nothing. */
  inert?: string;
}

const metadata = { of: 'ours' };
const migration: Arguments = (its) => ({
  input: {
    fromPackageId: its.base,
    fromVersion: 1,
    toPackageId: its.otherBase,
    toVersion: 1,
    at: 'PERIOD_END',
    usage: 'RESET',
    userIds: [its.user],
  },
});
const usage = (its: Names) => ({
  userId: its.user,
  featureId: its.feature,
  delta: 1,
  action: 'ADD',
  enforce: false,
  idempotencyKey: 'once',
  note: 'why',
  timestamp: new Date().toISOString(),
});
const grant = (its: Names) => ({
  id: its.feature,
  entitlement: {
    limit: 10,
    resetPeriod: 'MONTH',
    resetEvery: 2,
    resetAnchor: 'CALENDAR',
    timeZone: 'Europe/Berlin',
    overageEnabled: true,
    alertAt: [80],
    alertAtAmount: [7],
    alertOnReset: true,
  },
});
const ruleInput = (its: Names) => ({
  name: 'ours',
  featureId: its.feature,
  eventName: its.happening,
  conditions: [{ path: 'happening', equals: its.happening }],
});
const deltaRuleInput = (its: Names) => ({ ...ruleInput(its), deltaPath: 'seats' });
/** A file that asks for a feature that may be there, with another name. */
const fileOf = (its: Names) => `features: [{ id: ${its.feature}, name: ours, type: CONSUMABLE }]\n`;
/** A cursor before all users. */
const startOfUsers = Buffer.from('["CREATED_ASC","1970-01-01T00:00:00.000Z",""]').toString('base64url');
const pagesAfter = (after: (its: Names) => string): Arguments[] => [
  () => ({ first: 100 }),
  (its) => ({ after: after(its) }),
];
const byId = (id: (its: Names) => string): Row => ({ calls: [(its) => ({ id: id(its) })] });

/** A row for each field of Query in the client API that has arguments. */
export const clientQueries: Record<string, Row> = {
  entitlements: { calls: [({ feature }) => ({ featureId: feature })] },
  packages: { calls: [() => ({ first: 100 })] },
  showUsage: { calls: [({ feature }) => ({ featureId: feature })], inert: 'It tells numbers.' },
};

/** A row for each field of Query in the admin API. */
export const queries: Record<string, Row> = {
  apiKeys: { calls: pagesAfter(({ apiKey }) => apiKey) },
  auditLog: {
    calls: [
      ({ user }) => ({ first: 100, subjectType: 'USER', subjectId: user }),
      ({ user }) => ({ userId: user }),
      ({ apiKey }) => ({ keyId: apiKey }),
      ({ auditEntry }) => ({ after: auditEntry }),
      () => ({ from: '2020-01-01T00:00:00Z', to: '2100-01-01T00:00:00Z' }),
      ({ colleague }) => ({ memberId: colleague }),
    ],
  },
  billingFlags: {
    calls: [...pagesAfter(({ customer }) => customer), ({ user }) => ({ userId: user, first: 100 })],
  },
  members: { calls: pagesAfter(({ member }) => member) },
  invitations: { calls: pagesAfter(({ invitation }) => invitation) },
  sessions: { calls: pagesAfter(({ session }) => session) },
  billingMeterFailures: { calls: pagesAfter(({ base }) => `1 ${base}`) },
  canUseFeature: {
    calls: [
      (its) => ({ userId: its.user, featureId: its.feature, delta: 1 }),
      (its) => ({ userId: its.user, featureId: its.feature, amount: 1 }),
    ],
  },
  catalogue: { calls: [() => ({})] },
  entitlements: { calls: [(its) => ({ userId: its.user, featureId: its.feature })] },
  environment: { calls: [() => ({})], inert: 'It tells a time zone.' },
  exportUsers: { calls: [...pagesAfter(({ user }) => user), ({ user }) => ({ ids: [user] })] },
  feature: byId(({ feature }) => feature),
  features: { calls: pagesAfter(({ feature }) => feature) },
  flaggedUsers: { calls: [() => ({})] },
  grants: {
    calls: [
      (its) => ({ userId: its.user, featureId: its.feature, first: 100, newestFirst: true }),
      (its) => ({ userId: its.user, after: its.grant }),
    ],
  },
  mappingRules: { calls: pagesAfter(({ rule }) => rule) },
  openReservations: {
    calls: [
      (its) => ({ userId: its.user, featureId: its.feature, first: 100 }),
      (its) => ({ userId: its.user, after: its.reservation }),
    ],
  },
  usageAlerts: {
    calls: [(its) => ({ userId: its.user, featureId: its.feature, first: 100 })],
  },
  migration: byId((its) => its.migration),
  migrations: { calls: pagesAfter((its) => its.migration) },
  package: { calls: [({ base }) => ({ id: base, version: 1, includeFeatures: true })] },
  packages: {
    calls: [
      () => ({ status: 'ALL', first: 100, includeFeatures: true }),
      ({ base }) => ({ after: base, withStatus: 'PUBLISHED' }),
    ],
  },
  previewCatalogue: { calls: [(its) => ({ yaml: fileOf(its) })] },
  previewMappingRule: {
    calls: [(its) => ({ input: ruleInput(its) }), (its) => ({ input: deltaRuleInput(its) })],
  },
  previewMigration: { calls: [migration] },
  previewMerge: { calls: [({ user, twin }) => ({ ids: [user, twin] })] },
  providerPrices: {
    calls: [
      () => ({ first: 100, mapped: true }),
      ({ base }) => ({ packageId: base }),
      ({ freePrice }) => ({ after: freePrice }),
    ],
  },
  providerSubscriptions: {
    calls: [
      ({ user }) => ({ userId: user, unmapped: false, first: 100 }),
      ({ customer }) => ({ after: customer }),
    ],
  },
  segmentEvents: {
    calls: [
      () => ({ first: 100, outcome: 'UNMATCHED', newestFirst: true }),
      ({ event }) => ({ after: event }),
    ],
  },
  segmentStatus: {
    calls: [() => ({})],
    inert: 'It tells numbers that both environments may have.',
  },
  showUsage: { calls: [(its) => ({ userId: its.user, featureId: its.feature, pastPeriods: 12 })] },
  stripeConnection: { calls: [() => ({})] },
  formerStripeConnection: {
    calls: [() => ({})],
    inert: 'Null while the environment is connected.',
  },
  subscription: byId(({ subscription }) => subscription),
  subscriptions: {
    calls: [
      ({ user, base }) => ({ userId: user, packageId: base, first: 100, newestFirst: true }),
      ({ subscription }) => ({ after: subscription }),
    ],
  },
  topUp: { calls: [({ topUp }) => ({ id: topUp })] },
  topUps: {
    calls: [
      (its) => ({ userId: its.user, featureId: its.feature, first: 100, newestFirst: true }),
      (its) => ({ userId: its.user, after: its.topUp }),
    ],
  },
  topUsers: {
    calls: [
      ({ feature }) => ({ featureId: feature, first: 100 }),
      ({ feature }) => ({ featureId: feature, from: '2020-02-01T00:00:00Z', to: '2020-03-01T00:00:00Z' }),
    ],
  },
  unmatchedEvents: { calls: [() => ({})] },
  webhookDeliveryCounts: {
    calls: [
      ({ webhook }) => ({ webhookId: webhook, from: '2020-01-01T00:00:00Z', to: '2100-01-01T00:00:00Z' }),
    ],
    inert: 'It tells numbers that both environments may have.',
  },
  webhookDeliveries: {
    calls: [
      ({ webhook }) => ({ webhookId: webhook, state: 'DEAD', first: 100 }),
      ({ webhook, delivery }) => ({ webhookId: webhook, after: delivery }),
    ],
  },
  webhooks: { calls: pagesAfter(({ webhook }) => webhook) },
  usageByPackage: {
    calls: [
      ({ feature }) => ({ featureId: feature, from: '2020-02-01T00:00:00Z', to: '2020-03-01T00:00:00Z' }),
    ],
  },
  userActivity: {
    calls: [() => ({}), () => ({ from: '2020-02-01T00:00:00Z', to: '2020-03-01T00:00:00Z' })],
    inert: 'It tells how many users there are, which both environments may have.',
  },
  usersConnection: {
    calls: [
      ({ email, base, feature }) => ({
        filter: {
          search: email,
          packageId: base,
          status: 'ACTIVE',
          featureId: feature,
          usedPercent: 1,
          limit: 'NEAR',
        },
        order: 'NAME_ASC',
        first: 100,
      }),
      () => ({ order: 'CREATED_ASC', after: startOfUsers }),
    ],
  },
  explainEntitlement: {
    calls: [
      // Without a time it tells the present one, which is never the same twice.
      ({ user, feature }) => ({ userId: user, featureId: feature, at: '2099-01-01T00:00:00Z' }),
      ({ user, feature }) => ({ userId: user, featureId: feature, at: '2020-02-01T00:00:00Z' }),
    ],
  },
  limitCounts: {
    calls: [() => ({ percent: 1 })],
  },
  featuresNearLimit: {
    calls: [() => ({ percent: 1, first: 100 })],
  },
  usersNearLimit: {
    calls: [
      ({ feature }) => ({ featureId: feature, percent: 1, first: 100 }),
      ({ feature, newcomer }) => ({ featureId: feature, after: newcomer }),
    ],
  },
  usageByFeature: {
    calls: [
      () => ({ first: 50 }),
      ({ user }) => ({ userId: user }),
      () => ({ from: '2020-02-01T00:00:00Z', to: '2020-03-01T00:00:00Z', bucket: 'DAY' }),
    ],
  },
  usageSeries: {
    calls: [
      ({ feature }) => ({ featureId: feature }),
      ({ feature, user }) => ({ featureId: feature, userId: user }),
      ({ feature, user }) => ({
        featureId: feature,
        userId: user,
        from: '2020-02-20T00:00:00Z',
        to: '2020-02-21T00:00:00Z',
        bucket: 'HOUR',
      }),
    ],
  },
  usageEvents: {
    calls: [
      (its) => ({ userId: its.user, featureId: its.feature, first: 100, newestFirst: true }),
      (its) => ({ userId: its.user, after: its.usageEvent }),
    ],
  },
  user: byId(({ user }) => user),
  users: {
    calls: [
      ({ user }) => ({ id: user, first: 100 }),
      ({ user }) => ({ after: user }),
      ({ email }) => ({ search: email }),
      ({ billingId }) => ({ search: billingId }),
    ],
  },
};

/** A row for each field of Mutation in the admin API. */
export const mutations: Record<string, Row> = {
  archivePackage: byId(({ base }) => base),
  cancelSubscription: {
    calls: [
      (its) => ({ id: its.subscription }),
      (its) => ({ id: its.subscription, at: '2030-01-01T00:00:00Z' }),
      (its) => ({ id: its.subscription, atPeriodEnd: true }),
    ],
  },
  changePackage: {
    calls: [
      (its) => ({ userId: its.user, packageId: its.otherBase, usage: 'CARRY' }),
      (its) => ({ userId: its.user, packageId: its.otherBase, at: '2030-01-01T00:00:00Z' }),
      (its) => ({ userId: its.user, packageId: its.otherBase, atPeriodEnd: true }),
    ],
  },
  connectStripe: {
    calls: [
      () => ({
        input: { secretKey: 'sk_test_ours', webhookSecret: 'whsec_ours', withholdAccessWhilePaused: true },
      }),
    ],
  },
  commitReservation: {
    calls: [({ reservation }) => ({ id: reservation, amount: 2, idempotencyKey: 'once' })],
  },
  createApiKey: {
    calls: [() => ({ kind: 'PRIVATE', name: 'ours', expiresAt: '2099-01-01T00:00:00Z', scopes: ['read'] })],
  },
  createBillingMeter: {
    calls: [
      ({ otherBase, feature }) => ({
        input: { packageId: otherBase, featureId: feature, eventName: 'ours', sends: 'OVERAGE' },
      }),
    ],
  },
  createBillingTemplate: {
    calls: [
      (its) => ({
        packageId: its.base,
        input: {
          id: `new-${its.template}`,
          currency: 'eur',
          interval: 'month',
          prices: [its.providerPrice],
        },
      }),
    ],
  },
  createFeature: {
    calls: [
      ({ feature }) => ({
        input: {
          id: `new-${feature}`,
          name: 'ours',
          type: 'CONSUMABLE',
          unitLabel: 'ours',
          unitLabelPlural: 'ours',
          precision: 2,
          metadata,
        },
      }),
    ],
  },
  createMappingRule: {
    calls: [(its) => ({ input: ruleInput(its) }), (its) => ({ input: deltaRuleInput(its) })],
  },
  createPackage: {
    calls: [
      (its) => ({
        input: {
          id: `new-${its.base}`,
          name: 'ours',
          isAddon: true,
          features: [grant(its)],
          basePackages: [its.base],
          metadata,
        },
      }),
    ],
  },
  createPackageVersion: { calls: [({ base }) => ({ packageId: base })] },
  createUsageEvent: { calls: [(its) => ({ input: usage(its) })] },
  createWebhook: {
    calls: [
      () => ({ input: { url: 'https://example.com/', events: ['user.created'], includePersonalData: true } }),
    ],
  },
  createUser: {
    calls: [
      ({ user, email, billingId }) => ({
        input: { id: `new-${user}`, name: 'ours', email, billingId: `new-${billingId}`, metadata },
      }),
    ],
  },
  deleteDraftPackage: byId(({ draft }) => draft),
  deleteFeature: byId(({ looseFeature }) => looseFeature),
  deleteBillingMeter: { calls: [({ base, feature }) => ({ packageId: base, featureId: feature })] },
  deleteBillingTemplate: byId(({ template }) => template),
  deleteMappingRule: byId(({ rule }) => rule),
  deleteWebhook: byId(({ webhook }) => webhook),
  deleteUser: byId(({ user }) => user),
  duplicatePackage: { calls: [({ base }) => ({ id: base, newId: `new-${base}`, name: 'ours' })] },
  generateSubscriptionLink: {
    calls: [
      ({ newcomer, template }) => ({
        userId: newcomer,
        templateId: template,
        successUrl: 'https://app.example.com/yes',
        cancelUrl: 'https://app.example.com/no',
      }),
    ],
    inert: 'A link is made at the billing provider.',
  },
  generatePortalLink: {
    calls: [({ user }) => ({ userId: user, returnUrl: 'https://app.example.com' })],
    inert: 'A link is made at the billing provider.',
  },
  generateUserToken: { calls: [({ user }) => ({ userId: user })], inert: 'A token is not stored.' },
  grantFeature: {
    calls: [
      (its) => ({
        input: {
          userId: its.user,
          featureId: its.feature,
          limit: 5,
          resetPeriod: 'MONTH',
          resetEvery: 2,
          overageEnabled: true,
          startsAt: '2020-02-20T00:00:00Z',
          endsAt: '2120-02-20T00:00:00Z',
          reason: 'why',
          idempotencyKey: 'once',
        },
      }),
    ],
  },
  importStripe: { calls: [() => ({})] },
  disconnectStripe: { calls: [() => ({})] },
  importUsers: {
    calls: [
      ({ user }) => ({ csv: `id,name\n${user},ours\n`, note: 'why' }),
      ({ imported }) => ({ csv: `email,name\n${imported},ours\n` }),
      ({ billingId }) => ({ csv: `billingId,name\n${billingId},ours\n` }),
    ],
  },
  ingestSegmentEvent: {
    calls: [
      ({ user, feature }) => ({
        event: {
          type: 'track',
          messageId: 'new',
          userId: user,
          event: 'ours',
          properties: { featureId: feature, delta: 1 },
        },
      }),
      ({ user, email, billingId }) => ({
        event: {
          type: 'identify',
          messageId: 'new',
          userId: user,
          traits: { email, billingUserId: billingId },
        },
      }),
      ({ imported }) => ({
        event: { type: 'identify', messageId: 'new', userId: 'new', traits: { email: imported } },
      }),
      ({ event }) => ({ event: { type: 'track', messageId: `${event}-3`, userId: 'ours', event: 'ours' } }),
    ],
  },
  createProviderPrice: {
    calls: [
      (its) => ({
        packageId: its.otherBase,
        input: { productName: 'Pro', amount: 5_000, currency: 'eur', interval: 'month' },
      }),
    ],
  },
  mapPrice: { calls: [(its) => ({ priceId: its.freePrice, packageId: its.otherBase })] },
  migrateSubscribers: { calls: [migration] },
  mergeUsers: { calls: [({ user, twin }) => ({ ids: [user, twin] })] },
  publishCatalogue: {
    calls: [
      (its) => ({ yaml: fileOf(its), partly: true }),
      (its) => ({ yaml: fileOf(its), partly: true, fingerprint: null }),
    ],
  },
  publishPackage: byId(({ draft }) => draft),
  recordUsage: {
    calls: [
      (its) => ({ input: usage(its) }),
      (its) => ({ input: { ...usage(its), action: 'SET', enforce: true } }),
    ],
  },
  recordUsages: {
    calls: [
      (its) => ({ input: [usage(its)] }),
      (its) => ({ input: [{ ...usage(its), action: 'SET', enforce: true }] }),
    ],
  },
  releaseReservation: byId(({ reservation }) => reservation),
  reserveUsage: {
    calls: [
      (its) => ({
        input: {
          userId: its.user,
          featureId: its.feature,
          amount: 1,
          ttlSeconds: 60,
          idempotencyKey: 'once',
        },
      }),
    ],
  },
  removeDemoData: { calls: [() => ({})], inert: 'No world holds demo data.' },
  removePackagePrice: { calls: [(its) => ({ packageId: its.base, priceId: its.price, version: 1 })] },
  revokeGrant: { calls: [({ grant }) => ({ id: grant, reason: 'why' })] },
  redeliver: byId(({ delivery }) => delivery),
  redeliverSpan: {
    calls: [
      ({ webhook }) => ({
        webhookId: webhook,
        from: '2020-01-01T00:00:00Z',
        to: '2100-01-01T00:00:00Z',
        state: 'DEAD',
      }),
      ({ webhook, delivery }) => ({
        webhookId: webhook,
        from: '2020-01-01T00:00:00Z',
        to: '2100-01-01T00:00:00Z',
        state: 'DEAD',
        after: delivery,
      }),
    ],
  },
  resumeSubscription: byId(({ endingSubscription }) => endingSubscription),
  rotateApiKey: { calls: [({ apiKey }) => ({ id: apiKey, oldExpiresAt: '2099-01-01T00:00:00Z' })] },
  retryBillingMeter: { calls: [({ base, feature }) => ({ packageId: base, featureId: feature })] },
  changeMemberRole: { calls: [({ member }) => ({ id: member, role: 'ADMIN' })] },
  createPasswordLink: byId(({ colleague }) => colleague),
  inviteMember: { calls: [() => ({ email: 'new@example.com', role: 'VIEWER' })] },
  removeMember: byId(({ member }) => member),
  revokeApiKey: byId(({ apiKey }) => apiKey),
  revokeInvitation: byId(({ invitation }) => invitation),
  revokeSession: byId(({ session }) => session),
  rotateWebhookSecret: byId(({ webhook }) => webhook),
  setPackagePrice: {
    calls: [
      (its) => ({
        packageId: its.base,
        version: 1,
        input: { id: its.price, provider: 'OURS', amount: 1, currency: 'eur', interval: 'year' },
      }),
    ],
  },
  stopMigration: byId((its) => its.migration),
  subscribe: {
    calls: [
      (its) => ({ userId: its.newcomer, packageIds: [its.base] }),
      (its) => ({
        userId: its.newcomer,
        packageIds: [its.base],
        startsAt: '2030-01-01T00:00:00Z',
        trialEndsAt: '2030-02-01T00:00:00Z',
        afterTrialPackageId: its.otherBase,
      }),
    ],
  },
  subscribeUsers: {
    calls: [
      (its) => ({
        input: [
          {
            userId: its.newcomer,
            packageIds: [its.base],
            startsAt: '2030-01-01T00:00:00Z',
            trialEndsAt: '2030-02-01T00:00:00Z',
            afterTrialPackageId: its.otherBase,
          },
        ],
      }),
    ],
  },
  unpublishPackage: byId(({ otherBase }) => otherBase),
  testWebhook: byId(({ webhook }) => webhook),
  updateWebhook: {
    calls: [
      ({ webhook }) => ({
        id: webhook,
        input: { url: 'https://example.com/2', events: ['*'], includePersonalData: true, enabled: false },
      }),
    ],
  },
  topUp: {
    calls: [
      (its) => ({
        input: {
          userId: its.user,
          featureId: its.feature,
          amount: 5,
          expiresAt: '2120-02-20T00:00:00Z',
          priority: 1,
          alertAt: [80],
          alertAtAmount: [4],
          reason: 'why',
          idempotencyKey: 'once',
        },
      }),
    ],
  },
  updateDraftPackage: {
    calls: [
      (its) => ({
        id: its.draft,
        input: { name: 'ours', isAddon: true, features: [grant(its)], basePackages: [its.base] },
      }),
    ],
  },
  updateApiKey: {
    calls: [
      ({ apiKey }) => ({
        id: apiKey,
        name: 'ours',
        expiresAt: '2099-01-01T00:00:00Z',
        scopes: ['read'],
      }),
    ],
  },
  updateEnvironment: {
    calls: [() => ({ input: { timeZone: 'Asia/Kolkata', requireUserToken: true } })],
  },
  updateFeature: {
    calls: [
      ({ feature }) => ({
        id: feature,
        input: { name: 'ours', unitLabel: 'ours', unitLabelPlural: 'ours', precision: 2, metadata },
      }),
    ],
  },
  updateMappingRule: {
    calls: [
      (its) => ({ id: its.rule, input: ruleInput(its) }),
      (its) => ({ id: its.rule, input: deltaRuleInput(its) }),
    ],
  },
  updatePackage: { calls: [({ base }) => ({ id: base, input: { name: 'ours', metadata } })] },
  voidTopUp: { calls: [({ topUp }) => ({ id: topUp, reason: 'why' })] },
  updateUser: {
    calls: [
      ({ user }) => ({
        id: user,
        input: { id: `new-${user}`, name: 'ours', email: 'ours', billingId: 'ours', metadata },
      }),
    ],
  },
};

/** The arguments of each field of another type that takes some. */
export const nested: Record<string, Arguments> = {
  'Feature.entitlement': ({ user }) => ({ userId: user }),
  'FlaggedUsers.sameEmail': () => ({ first: 100, after: null }),
  'TopUp.draws': () => ({ first: 100, before: '999999' }),
  'Migration.problems': () => ({ first: 100, after: null }),
  'FlaggedUsers.sameBillingId': () => ({ first: 100, after: null }),
  'FlaggedUsers.withoutBillingId': () => ({ first: 100, after: null }),
};
