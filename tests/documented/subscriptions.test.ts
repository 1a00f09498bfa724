import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createSubscription } from '../helpers/factories.ts';
import {
  apiCalls,
  forgetEverything,
  install,
  messages,
  packageFields,
  packageOf,
  price,
  send,
  testUser,
  ways,
} from './examples.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(() => forgetEverything(app));
afterAll(() => app.close());

const freeTrial = packageOf({ id: 'free-trial', name: 'Free Trial', updatedAt: '2021-11-25T16:57:42.778Z' });
const extraCalls = packageOf({
  id: 'extra-500-api-calls',
  name: 'Extra 500 API Calls',
  updatedAt: '2022-02-23T11:19:48.604Z',
  isAddon: true,
  features: [{ ...apiCalls, limit: 500 }],
  prices: [
    {
      ...price,
      id: 'price_6378hdsjhshgsu4w8AJNSGL',
      amount: 3500,
      displayAmount: '35.00',
      interval: null,
    },
  ],
});
const message = { ...messages, unitLabelPlural: 'Message' };
const proactiveMessaging = packageOf({
  id: 'proactive-messaging',
  name: 'Proactive Messaging',
  updatedAt: '2021-11-27T18:25:10.081Z',
  isAddon: true,
  features: [{ ...message, limit: 50 }],
  prices: [
    {
      ...price,
      id: 'price_id_6gSGwU839shamnskk7LSNME',
      amount: 2000,
      displayAmount: '20.00',
      interval: null,
    },
  ],
});

const selection = `
    id
    userId
    status
    package {${packageFields}
    }`;
const subscribe = `mutation subscribeUserToPlan($packageIds: [String!]!, $userId: String!) {
  subscribe(packageIds: $packageIds, userId: $userId) {${selection}
  }
}`;

/** Ids of subscriptions are the server's; the documented ones, "2" and "3", are of the original's database. */
const anyId = expect.stringMatching(/^\d+$/);

describe.each(ways)('$name', (way) => {
  const environment = { in: way.environment };
  const installUser = () =>
    app.database.prisma.user.create({ data: { ...testUser, environmentId: way.environment } });

  test('subscription answers one subscription', async () => {
    await install(app, way, [apiCalls], [freeTrial]);
    await installUser();
    const { id } = await createSubscription(
      app.database.prisma,
      { userId: '124', packageId: 'free-trial' },
      environment,
    );
    const query = `query retrieveSubscription($id: String!) {
  subscription(id: $id) {${selection}
  }
}`;
    // The documented answer leaves out the id of the feature, which the operation selects.
    expect(await send(app, way, query, { id: `${id}` })).toEqual({
      data: { subscription: { id: `${id}`, userId: '124', status: 'ACTIVE', package: freeTrial } },
    });
  });

  test('subscriptions lists those of a user, those that are over included', async () => {
    await install(app, way, [apiCalls], [freeTrial, extraCalls]);
    await installUser();
    const { prisma } = app.database;
    await createSubscription(prisma, { userId: '124', packageId: 'free-trial' }, environment);
    await createSubscription(
      prisma,
      { userId: '124', packageId: 'extra-500-api-calls', status: 'CANCELLED', endedAt: new Date() },
      environment,
    );
    const query = `query listSubscriptions($userId: String!) {
  subscriptions(userId: $userId) {${selection}
  }
}`;
    expect(await send(app, way, query, { userId: '124' })).toEqual({
      data: {
        subscriptions: [
          { id: anyId, userId: '124', status: 'ACTIVE', package: freeTrial },
          { id: anyId, userId: '124', status: 'CANCELLED', package: extraCalls },
        ],
      },
    });
  });

  test('subscription(userId), as one documented cURL writes it, answers the list that it means', async () => {
    await install(app, way, [apiCalls], [freeTrial]);
    await installUser();
    await createSubscription(app.database.prisma, { userId: '124', packageId: 'free-trial' }, environment);
    const query = 'query ($userId: String!) { subscription(userId: $userId) { id userId status } }';
    expect(await send(app, way, query, { userId: '124' })).toEqual({
      data: { subscription: [{ id: anyId, userId: '124', status: 'ACTIVE' }] },
    });
  });

  // The documented answer says that the add-on is CANCELLED, copied from the example before.
  test('subscribe answers what it made', async () => {
    await install(app, way, [apiCalls, message], [freeTrial, proactiveMessaging]);
    await installUser();
    const variables = { packageIds: ['free-trial', 'proactive-messaging'], userId: '124' };
    expect(await send(app, way, subscribe, variables)).toEqual({
      data: {
        subscribe: [
          { id: anyId, userId: '124', status: 'ACTIVE', package: freeTrial },
          { id: anyId, userId: '124', status: 'ACTIVE', package: proactiveMessaging },
        ],
      },
    });
  });

  describe('subscribe refuses', () => {
    // `exception` is the typed error that the SDKs of the original read; the examples do not show it.
    const refusal = (message: string) => ({
      data: null,
      errors: [
        {
          message,
          locations: [{ line: 2, column: 3 }],
          path: ['subscribe'],
          extensions: { code: 'BAD_USER_INPUT', exception: { name: 'SubscriptionError', message } },
        },
      ],
    });

    beforeEach(async () => {
      const another = { ...freeTrial, id: 'free-plan', name: 'Free Plan' };
      await install(app, way, [apiCalls, message], [freeTrial, another, proactiveMessaging]);
      await installUser();
    });

    test.each([
      [
        'an add-on without a base package',
        ['proactive-messaging'],
        'Cannot subscribe to addon. Missing live tier subscription.',
      ],
      ['two base packages', ['free-trial', 'free-plan'], 'Cannot subscribe to multiple tiers'],
      ['a package that does not exist', ['free-trail'], 'Package Id not found for app'],
    ])('%s', async (_what, packageIds, message) => {
      expect(await send(app, way, subscribe, { packageIds, userId: '124' })).toEqual(refusal(message));
    });

    test('a base package beside the one that is held', async () => {
      await createSubscription(app.database.prisma, { userId: '124', packageId: 'free-trial' }, environment);
      expect(await send(app, way, subscribe, { packageIds: ['free-plan'], userId: '124' })).toEqual(
        refusal('Cannot subscribe to multiple tiers'),
      );
    });
  });
});
