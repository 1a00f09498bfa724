import type { PrismaClient } from '../database/generated/client.ts';
import { Consumption } from '../entitlements/graphql.ts';
import {
  type Consumption as ConsumptionShape,
  consumptionOf,
  type Grant,
  type Window,
  windowAt,
  windowsEndedBefore,
} from '../entitlements/rules.ts';
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
      description: 'When the window begins; it is included.',
      resolve: ({ window }) => window.start,
    }),
    periodEnd: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the window ends; it is excluded. Null when usage never resets.',
      resolve: ({ window }) => window.end,
    }),
    consumption: t.expose('consumption', {
      type: Consumption,
      description: 'What was used in it, and granted for it.',
    }),
  }),
});

const ShowUsageData = builder
  .objectRef<{ current: Period | null; past: Period[] }>('ShowUsageData')
  .implement({
    description: 'The usage of a CONSUMABLE feature by a user, window by window.',
    fields: (t) => ({
      current: t.expose('current', {
        type: ConsumptionInPeriod,
        nullable: true,
        description: 'The running window. Null when nothing is granted, or the feature is BINARY.',
      }),
      past: t.expose('past', {
        type: [ConsumptionInPeriod],
        nullable: true,
        description: 'The windows before it, the newest first.',
      }),
    }),
  });

builder.queryField('showUsage', (t) =>
  t.field({
    type: ShowUsageData,
    description:
      'What a user used of a feature, in the windows of the subscription that counts. `UserNotFoundError` or `FeatureNotFoundError` if unknown.',
    args: {
      userId: t.arg.string({ required: true, description: 'The id of the user.' }),
      featureId: t.arg.string({ required: true, description: 'The id of the feature.' }),
      pastPeriods: t.arg.int({ defaultValue: 12, description: 'How many past windows at most, 0 to 120.' }),
    },
    resolve: async (_root, args, { db, environmentId, findStanding }) => {
      const userId = parse(Id, args.userId, 'userId');
      const featureId = parse(Id, args.featureId, 'featureId');
      const pastPeriods = parse(PastPeriods, args.pastPeriods ?? 12, 'pastPeriods');
      const { featureType, grant } = await findStanding({ environmentId, userId, featureId });
      if (grant === null || featureType === 'BINARY') return { current: null, past: [] };
      const userKey = await requireUserKey(db, environmentId, userId);
      const [current, ...past] = await periodsOf(db, { userKey, featureId, grant }, pastPeriods);
      return { current: current ?? null, past };
    },
  }),
);

/** The running window of this grant and the ones before it, the newest first, with what each counts. */
async function periodsOf(
  db: PrismaClient,
  { userKey, featureId, grant }: { userKey: bigint; featureId: string; grant: Grant },
  pastPeriods: number,
): Promise<Period[]> {
  // By the clock that access is judged by, not this process's: at a reset both must see the same window.
  const [{ now }] = await db.$queryRaw<[{ now: Date }]>`SELECT now() AS now`;
  const { startedAt, resetPeriod, subscriptionId } = grant;
  const windows = [
    windowAt(startedAt, resetPeriod, now),
    ...windowsEndedBefore(startedAt, resetPeriod, now, pastPeriods),
  ];
  const counters = await db.usageCounter.findMany({
    where: { userKey, subscriptionId, featureId, windowStart: { in: windows.map(({ start }) => start) } },
  });
  const used = new Map(counters.map((counter) => [counter.windowStart.getTime(), counter.used]));
  return windows.map((window) => ({
    window,
    consumption: consumptionOf(grant, used.get(window.start.getTime()) ?? 0n),
  }));
}
