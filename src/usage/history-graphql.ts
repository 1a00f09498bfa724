import { Consumption } from '../entitlements/graphql.ts';
import { builder } from '../graphql/builder.ts';
import { Id, parse } from '../input.ts';
import { type Period, showUsage, type UsageHistory } from './history.ts';
import { PastPeriods } from './record/rules.ts';

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

const ShowUsageData = builder.objectRef<UsageHistory>('ShowUsageData').implement({
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
    resolve: (_root, args, context) => {
      const userId = parse(Id, args.userId, 'userId');
      const featureId = parse(Id, args.featureId, 'featureId');
      const pastPeriods = parse(PastPeriods, args.pastPeriods ?? 12, 'pastPeriods');
      return showUsage(context, { environmentId: context.environmentId, userId, featureId }, pastPeriods);
    },
  }),
);
