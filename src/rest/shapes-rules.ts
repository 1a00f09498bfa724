import { z } from 'zod';

/* The shapes of REST's answers and bodies, for openapi.json. The GraphQL schema checks what is sent once more. */

const Time = z.iso.datetime().describe('ISO 8601, in UTC.');
const Id = z.string().describe('1 to 255 characters.');
const JsonObject = z.record(z.string(), z.unknown());

export const Consumption = z
  .object({
    used: z.number().describe('What was used in the current window.'),
    budget: z.number().nullable().describe('The limit for the window. Null is unlimited.'),
    remaining: z
      .number()
      .nullable()
      .describe('What is left of the budget and of top-ups. Null is unlimited.'),
    overageEnabled: z.boolean().describe('Whether usage beyond the budget is allowed.'),
  })
  .describe('Usage and budget of a CONSUMABLE feature in the current window.');

const access = {
  access: z.boolean().describe('Whether the user may use the amount that was asked for, by default 1.'),
  reason: z.string().describe('Why access is given or denied, as a sentence.'),
  consumption: Consumption.nullable().describe('Null for a BINARY feature, and without an entitlement.'),
};

const FeatureType = z.enum(['BINARY', 'CONSUMABLE']);

export const Entitlement = z.object({
  userId: Id,
  featureId: Id,
  featureType: FeatureType,
  ...access,
  packageId: Id.nullable().describe('The package that counts. Null without one, or if a grant counts.'),
  subscriptionId: z.string().nullable().describe('The subscription that counts. Null without one.'),
});

export const User = z.object({
  id: Id,
  name: z.string().nullable(),
  email: z.string().nullable(),
  billingId: z.string().nullable().describe('The id of the customer at the billing provider.'),
  metadata: JsonObject.nullable(),
});

export const NewUser = z.strictObject({
  id: Id,
  name: z.string().nullish(),
  email: z.string().nullish(),
  billingId: z.string().nullish(),
  metadata: JsonObject.nullish(),
});

export const UserChange = z.strictObject({
  id: Id.optional().describe('The new id. Usage and subscriptions stay with the user.'),
  name: z.string().nullish(),
  email: z.string().nullish(),
  billingId: z.string().nullish().describe('The id of the customer at the billing provider.'),
  metadata: JsonObject.nullish().describe('Replaces the whole object.'),
});

export const Usage = z.strictObject({
  userId: Id,
  featureId: Id,
  delta: z.number().nullish().describe('The amount, by default 1. With ADD it may be negative.'),
  action: z.enum(['ADD', 'SET']).nullish().describe('By default ADD. SET replaces the usage of the window.'),
  idempotencyKey: z
    .string()
    .nullish()
    .describe('Records once per user. The header Idempotency-Key works too.'),
  timestamp: z.string().nullish().describe('When it was used, in ISO 8601; by default now.'),
  enforce: z.boolean().nullish().describe('Record only if the user is entitled to it.'),
  note: z.string().nullish().describe('A note that the ledger keeps.'),
});

export const Recorded = z.object({
  recorded: z.boolean().describe('Whether the usage is recorded. If so, it is on disk.'),
  reason: z.string().nullable().describe('Why it is not recorded, as a sentence.'),
  duplicate: z.boolean().describe('Whether an earlier call with this idempotency key recorded it.'),
  entitlement: z.object(access).nullable().describe('The entitlement directly after this call.'),
});

const ItemError = z.object({ name: z.string(), message: z.string(), code: z.string() });

export const RecordedItem = Recorded.extend({ error: ItemError.nullable().describe('Of this usage alone.') });

export const Subscription = z.object({
  id: z.string(),
  userId: Id,
  packageId: Id,
  packageVersion: z.number().describe('The version of the package that the user holds.'),
  status: z.string().describe('ACTIVE, TRIALING, SCHEDULED, CANCELLED and so on.'),
  startedAt: Time,
  endedAt: Time.nullable(),
  cancelsAt: Time.nullable().describe('The scheduled end.'),
  trialEnd: Time.nullable(),
});

const Instant = z.string().nullish();

export const Subscribing = z.strictObject({
  packageIds: z.array(z.string()).describe('At most one base package.'),
  startsAt: Instant.describe('The start, now by default. It may lie behind or ahead.'),
  trialEndsAt: Instant.describe('The end of a trial.'),
  afterTrialPackageId: z.string().nullish().describe('The base package after the trial.'),
});

export const SubscribingUser = Subscribing.extend({ userId: Id });

export const SubscribedUser = z.object({
  subscriptions: z.array(Subscription),
  error: ItemError.nullable().describe('Of this user alone.'),
});

const CarriedUsage = z.enum(['RESET', 'CARRY']);

export const PackageChange = z.strictObject({
  packageId: Id,
  at: Instant.describe('When, now by default.'),
  atPeriodEnd: z.boolean().nullish().describe('At the end of the running period.'),
  usage: CarriedUsage.nullish().describe('By default RESET.'),
});

export const ChangedPackage = z.object({
  subscription: Subscription,
  replaced: Subscription,
  cancelledAddons: z.array(Subscription),
});

export const NewMigration = z.strictObject({
  fromPackageId: Id,
  fromVersion: z.number().nullish().describe('By default every version.'),
  toPackageId: Id,
  toVersion: z.number().nullish().describe('By default the current version.'),
  at: z.enum(['NOW', 'PERIOD_END']).nullish().describe('By default NOW.'),
  usage: CarriedUsage.nullish().describe('By default CARRY.'),
  userIds: z.array(z.string()).nullish().describe('Only these users, up to 1,000.'),
});

export const Migration = z.object({
  id: z.string(),
  state: z.string().describe('RUNNING, DONE, STOPPED or FAILED.'),
  problem: z.string().nullable(),
  fromPackageId: Id,
  fromVersion: z.number().nullable(),
  toPackageId: Id,
  toVersion: z.number(),
  at: z.string(),
  usage: CarriedUsage,
  total: z.number(),
  examined: z.number(),
  moved: z.number(),
  skipped: z.number(),
  failed: z.number(),
  createdAt: Time,
  finishedAt: Time.nullable(),
});

export const MigrationPreview = z.object({
  total: z.number(),
  moving: z.number(),
  skipped: z.number(),
  skippedUsers: z.array(z.object({ userId: Id, reason: z.string() })),
  overLimit: z.number(),
  overLimitUsers: z.array(
    z.object({ userId: Id, featureId: Id, used: z.number(), limit: z.number(), overageEnabled: z.boolean() }),
  ),
  endingAddons: z.array(z.object({ packageId: Id, count: z.number() })),
});

export const Feature = z.object({
  id: Id,
  name: z.string(),
  type: FeatureType,
  unitLabel: z.string().nullable(),
  unitLabelPlural: z.string().nullable(),
  metadata: JsonObject.nullable(),
});

export const Package = z.object({
  id: Id,
  name: z.string(),
  status: z.string().describe('DRAFT, PUBLISHED or ARCHIVED.'),
  isAddon: z.boolean(),
  metadata: JsonObject.nullable(),
  features: z.array(
    z.object({
      id: Id,
      name: z.string(),
      type: FeatureType,
      limit: z.number().nullable().describe('Null is unlimited.'),
      resetPeriod: z.string().nullable().describe('Null never resets.'),
      overageEnabled: z.boolean(),
    }),
  ),
});

export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What is wrong, as a sentence.'),
    code: z.string().describe('BAD_USER_INPUT, NOT_FOUND, CONFLICT, UNAUTHENTICATED and so on.'),
    name: z.string().optional().describe('The typed name, such as UserNotFoundError.'),
    requestId: z.string().optional().describe('Of a fault of the server: its id in the log.'),
  })
  .describe('An error, as RFC 9457 says.');
