import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DateTime } from 'luxon';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createSubscription } from '../helpers/factories.ts';
import { apiCalls, forgetEverything, install, packageOf, send, testUser, ways } from './examples.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(() => forgetEverything(app));
afterAll(() => app.close());

const plan = packageOf({
  id: 'free-plan',
  name: 'Free Plan',
  updatedAt: '2021-11-25T16:57:42.778Z',
  features: [{ ...apiCalls, limit: 50 }],
});

/** A month and a day ago: one window of a month is over, and the next one runs. */
const startedAt = DateTime.utc().minus({ months: 1, days: 1 });
const asKey = { userId: '124', featureId: 'api-calls' };

describe.each(ways)('$name', (way) => {
  beforeEach(async () => {
    await install(app, way, [apiCalls], [plan]);
    const { prisma } = app.database;
    await prisma.user.create({ data: { ...testUser, environmentId: way.environment } });
    await createSubscription(
      prisma,
      { userId: '124', packageId: 'free-plan', startedAt: startedAt.toJSDate() },
      { in: way.environment },
    );
  });

  const recorded = (input: object) =>
    app.ok(
      'mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }',
      { input: { ...asKey, ...input } },
      app.keys[way.environment],
    );

  test('canUseFeature says how much is left, and why', async () => {
    const query = `query ($userId: String!, $featureId: String!, $delta: Int) {
  canUseFeature(userId: $userId, featureId: $featureId, delta: $delta) {
    access
    reason
    consumption {
      budget
      used
      overageEnabled
    }
  }
}`;
    expect(await send(app, way, query, { ...asKey, delta: 1 })).toEqual({
      data: {
        canUseFeature: {
          access: true,
          reason:
            'The user has a subcription to a package with this consumable feature and either has an allowance remaining or overage is enabled.',
          consumption: { used: 0, budget: 50, overageEnabled: false },
        },
      },
    });
  });

  // The documented dates are of 2022; these are as far apart, and as exact.
  test('showUsage tells this window and the one before it', async () => {
    await recorded({ delta: 48, timestamp: startedAt.plus({ hours: 1 }).toISO() });
    const query = `query ($userId: String!, $featureId: String!) {
  showUsage(userId: $userId, featureId: $featureId) {
    current {
      periodStart
      periodEnd
      consumption {
        used
        budget
        overageEnabled
      }
    }
    past {
      periodStart
      periodEnd
      consumption {
        used
        budget
        overageEnabled
      }
    }
  }
}`;
    expect(await send(app, way, query, asKey)).toEqual({
      data: {
        showUsage: {
          current: {
            periodStart: startedAt.plus({ months: 1 }).toISO(),
            periodEnd: startedAt.plus({ months: 2 }).toISO(),
            consumption: { used: 0, budget: 50, overageEnabled: false },
          },
          past: [
            {
              periodStart: startedAt.toISO(),
              periodEnd: startedAt.plus({ months: 1 }).toISO(),
              consumption: { used: 48, budget: 50, overageEnabled: false },
            },
          ],
        },
      },
    });
  });

  test('recordUsage records, and has no reason to give', async () => {
    const query = `mutation recordUsage($input: CreateUsageEventInput!) {
  recordUsage(input: $input) {
    recorded
    reason
  }
}`;
    const input = { ...asKey, delta: 100, action: 'SET' };
    expect(await send(app, way, query, { input })).toEqual({
      data: { recordUsage: { recorded: true, reason: null } },
    });
  });

  test('the Ruby guide reads what is left of a feature', async () => {
    await recorded({ delta: 49 });
    const query = `query getFeatureEntitlement($id: String!, $userId: String!) {
  feature(id: $id) {
    type
    entitlement(userId: $userId) {
      access
      consumption {
        budget
        used
      }
    }
  }
}`;
    expect(await send(app, way, query, { userId: '124', id: 'api-calls' })).toEqual({
      data: {
        feature: {
          type: 'CONSUMABLE',
          entitlement: { access: true, consumption: { budget: 50, used: 49 } },
        },
      },
    });
  });

  test('the Ruby guide records usage by the older name', async () => {
    const query = `mutation createUsageEvent($input: CreateUsageEventInput!) {
  createUsageEvent(input: $input)
}`;
    expect(await send(app, way, query, { input: { ...asKey, delta: 1 } })).toEqual({
      data: { createUsageEvent: true },
    });
  });
});
