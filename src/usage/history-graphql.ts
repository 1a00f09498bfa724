import { amountOf } from '../amount.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { Consumption } from '../entitlements/graphql.ts';
import {
  type Consumption as ConsumptionShape,
  consumptionOf,
  type Grant,
  type Standing,
} from '../entitlements/rules.ts';
import { type Window, windowAt, windowsEndedBefore } from '../entitlements/window-rules.ts';
import { builder } from '../graphql/builder.ts';
import { Id, parse } from '../input.ts';
import { requireUserKey } from '../users/store.ts';
import { PastPeriods } from './record/rules.ts';

interface Period {
  window: Window;
  consumption: ConsumptionShape;
}

const ConsumptionInPeriod = builder.objectRef<Period>('ConsumptionInPeriod').implement({
  description: 'Consumption in one window of a subscription.',
  fields: (t) => ({
    periodStart: t.field({
      type: 'DateTime',
      description: 'The start of the window, inclusive.',
      resolve: ({ window }) => window.start,
    }),
    periodEnd: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The end of the window, exclusive. Null if usage never resets.',
      resolve: ({ window }) => window.end,
    }),
    consumption: t.expose('consumption', {
      type: Consumption,
      description: 'The usage in the window, and its budget.',
    }),
  }),
});

const ShowUsageData = builder
  .objectRef<{ current: Period | null; past: Period[] }>('ShowUsageData')
  .implement({
    description: "A user's usage of a CONSUMABLE feature, by window.",
    fields: (t) => ({
      current: t.expose('current', {
        type: ConsumptionInPeriod,
        nullable: true,
        description: 'The current window. Null without an entitlement, and for a BINARY feature.',
      }),
      past: t.expose('past', {
        type: [ConsumptionInPeriod],
        nullable: true,
        description: 'The earlier windows, newest first.',
      }),
    }),
  });

builder.queryField('showUsage', (t) =>
  t.field({
    type: ShowUsageData,
    description:
      "A user's usage of a feature, in the windows of the subscription that counts. `UserNotFoundError` or `FeatureNotFoundError` if an id is unknown.",
    args: {
      userId: t.arg.string({ required: true, description: 'The id of the user.' }),
      featureId: t.arg.string({ required: true, description: 'The id of the feature.' }),
      pastPeriods: t.arg.int({
        defaultValue: 12,
        description: 'The maximum number of past windows, 0 to 120.',
      }),
    },
    resolve: async (_root, args, { db, environmentId, findStanding }) => {
      const userId = parse(Id, args.userId, 'userId');
      const featureId = parse(Id, args.featureId, 'featureId');
      const pastPeriods = parse(PastPeriods, args.pastPeriods ?? 12, 'pastPeriods');
      const standing = await findStanding({ environmentId, userId, featureId });
      const { featureType, grant } = standing;
      if (grant === null || featureType === 'BINARY') return { current: null, past: [] };
      const userKey = await requireUserKey(db, environmentId, userId);
      const [current, ...past] = await periodsOf(
        db,
        { userKey, featureId, standing: { ...standing, grant } },
        pastPeriods,
      );
      return { current: current ?? null, past };
    },
  }),
);

interface Subject {
  userKey: bigint;
  featureId: string;
  standing: Standing & { grant: Grant };
}

/**
 * The current window of the grant that counts and earlier ones, newest first, with the usage in each. Top-ups and
 * reservations are of now: only in the current window do they say what is left.
 */
async function periodsOf(
  db: PrismaClient,
  { userKey, featureId, standing: { grant, topUp, held } }: Subject,
  pastPeriods: number,
): Promise<Period[]> {
  // The database's clock, as for entitlements: at a reset, both must use the same window.
  const [{ now }] = await db.$queryRaw<[{ now: Date }]>`SELECT now() AS now`;
  const { subscriptionId, startedAt } = grant;
  // Where the windows were carried over, the earlier ones are those of the subscription before.
  const first = windowAt(grant, startedAt).start;
  const windows = [
    windowAt(grant, now),
    ...windowsEndedBefore(grant, now, pastPeriods).filter(({ start }) => start >= first),
  ];
  const counters = await db.usageCounter.findMany({
    where: { userKey, subscriptionId, featureId, windowStart: { in: windows.map(({ start }) => start) } },
  });
  const used = new Map(counters.map((counter) => [counter.windowStart.getTime(), amountOf(counter.used)]));
  return windows.map((window, ago) => {
    const usedIn = used.get(window.start.getTime()) ?? 0n;
    const consumption = ago === 0 ? consumptionOf(grant, usedIn, topUp, held) : consumptionOf(grant, usedIn);
    return { window, consumption };
  });
}
