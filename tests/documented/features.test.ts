import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import {
  apiCalls,
  forgetEverything,
  install,
  messages,
  packageFields,
  packageOf,
  send,
  ways,
} from './examples.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(() => forgetEverything(app));
afterAll(() => app.close());

describe.each(ways)('$name', (way) => {
  test('createFeature echoes its input', async () => {
    const query = `mutation createFeature($input: CreateFeatureInput!) {
  createFeature(input: $input) {
    id
    name
    type
    unitLabel
    unitLabelPlural
    metadata
  }
}`;
    expect(await send(app, way, query, { input: apiCalls })).toEqual({ data: { createFeature: apiCalls } });
  });

  test('features lists features with their packages', async () => {
    const at = '2022-01-21T16:08:09.640Z';
    await install(
      app,
      way,
      [apiCalls, messages],
      [
        packageOf({ id: 'pro-plan', name: 'Pro Plan', updatedAt: at }),
        packageOf({
          id: 'free-plan',
          name: 'Free Plan',
          updatedAt: at,
          features: [{ ...messages, limit: 50 }],
        }),
      ],
    );
    const query = `query listFeatures {
  features {
    id
    name
    type
    unitLabel
    unitLabelPlural
    metadata
    packages {
      id
      name
      status
      metadata
      isAddon
      updatedAt
    }
  }
}`;
    const facts = { status: 'PUBLISHED', metadata: {}, isAddon: false, updatedAt: at };
    expect(await send(app, way, query)).toEqual({
      data: {
        features: [
          { ...apiCalls, packages: [{ id: 'pro-plan', name: 'Pro Plan', ...facts }] },
          { ...messages, packages: [{ id: 'free-plan', name: 'Free Plan', ...facts }] },
        ],
      },
    });
  });

  // The documented operation lacks the id, which its variables carry, and the metadata of packages, which its
  // answer shows.
  test('updateFeature answers the feature and its packages', async () => {
    const pro = packageOf({ id: 'pro-plan', name: 'Pro Plan', updatedAt: '2022-05-10T12:39:08.965Z' });
    await install(app, way, [{ ...apiCalls, name: 'Calls', unitLabel: 'Call' }], [pro]);
    const query = `mutation ($id: String!, $input: UpdateFeatureInput!) {
  updateFeature(id: $id, input: $input) {
    id
    name
    type
    unitLabel
    unitLabelPlural
    metadata
    packages {${packageFields}
    }
  }
}`;
    const { id, type: _cannotChange, ...input } = apiCalls;
    expect(await send(app, way, query, { id, input })).toEqual({
      data: { updateFeature: { ...apiCalls, packages: [pro] } },
    });
  });
});
