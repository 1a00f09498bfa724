import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import {
  apiCalls,
  forgetEverything,
  install,
  packageFields,
  packageOf,
  price,
  send,
  ways,
} from './examples.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(() => forgetEverything(app));
afterAll(() => app.close());

const pro = packageOf({ id: 'pro-plan', name: 'Pro Plan', updatedAt: '2021-11-25T16:57:42.778Z' });
const anyDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe.each(ways)('$name', (way) => {
  test('package answers one package', async () => {
    await install(app, way, [apiCalls], [pro]);
    const query = `query retrievePackage($id: String!) {
  package(id: $id) {${packageFields}
  }
}`;
    expect(await send(app, way, query, { id: 'pro-plan' })).toEqual({ data: { package: pro } });
  });

  test('package takes includeFeatures, as its cURL example sends it', async () => {
    await install(app, way, [apiCalls], [pro]);
    const query = 'query ($id: String!) { package(id: $id, includeFeatures: true) { id features { id } } }';
    expect(await send(app, way, query, { id: 'pro-plan' })).toEqual({
      data: { package: { id: 'pro-plan', features: [{ id: 'api-calls' }] } },
    });
  });

  // The documented answer leaves out the metadata that the operation selects.
  test('packages lists those that are published', async () => {
    const free = packageOf({ id: 'free-plan', name: 'Free Plan', updatedAt: '2021-11-25T16:57:42.778Z' });
    const premium = packageOf({
      id: 'premium-plan',
      name: 'Premium Plan',
      updatedAt: '2021-11-26T12:50:12.298Z',
      features: [{ ...apiCalls, limit: 10_000 }],
      prices: [{ ...price, id: 'price_id_36w8sjd', amount: 10_000, displayAmount: '100.00' }],
    });
    const draft = packageOf({
      id: 'draft',
      name: 'Draft',
      status: 'DRAFT',
      updatedAt: '2021-11-26T12:50:12.298Z',
    });
    await install(app, way, [apiCalls], [free, premium, draft]);
    const query = `query listPackages($status: String!) {
  packages(status: $status) {${packageFields}
  }
}`;
    expect(await send(app, way, query, { status: 'PUBLISHED' })).toEqual({
      data: { packages: [free, premium] },
    });
  });

  // The example passes one feature where a list is expected, which GraphQL allows. The documented answer shows
  // a price; this one has none, because the API has no field to give it one. It changed when it was made.
  test('createPackage makes a draft', async () => {
    await install(app, way, [apiCalls]);
    const query = `mutation createPackage($input: CreatePackageInput!) {
  createPackage(input: $input) {${packageFields}
  }
}`;
    const input = {
      id: 'pro-plan',
      name: 'Pro Plan',
      isAddon: false,
      metadata: {},
      features: {
        id: 'api-calls',
        entitlement: { limit: 1000, resetPeriod: 'MONTH', overageEnabled: false },
      },
    };
    expect(await send(app, way, query, { input })).toEqual({
      data: { createPackage: { ...pro, status: 'DRAFT', prices: [], updatedAt: anyDate } },
    });
  });

  // The documented operation lacks the id, which its variables carry. The package changes when it is called.
  test('updatePackage answers the package', async () => {
    await install(app, way, [apiCalls], [{ ...pro, status: 'DRAFT', metadata: { seats: 5 } }]);
    const query = `mutation ($id: String!, $input: UpdatePackageInput!) {
  updatePackage(id: $id, input: $input) {${packageFields}
  }
}`;
    expect(await send(app, way, query, { id: 'pro-plan', input: { metadata: {} } })).toEqual({
      data: { updatePackage: { ...pro, status: 'DRAFT', updatedAt: anyDate } },
    });
  });
});
