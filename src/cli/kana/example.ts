import type { CatalogueFile } from '../../catalogue/file/writing-rules.ts';

/** The example file that `kana bootstrap` writes. */
export const exampleFile: CatalogueFile = {
  app: 'My SaaS Business',
  version: '1.0.0',
  features: [
    { id: 'dashboard-access', name: 'Dashboard access', type: 'BINARY' },
    { id: 'api-calls', name: 'API calls', type: 'CONSUMABLE' },
  ],
  packages: {
    draft: [],
    published: [
      {
        id: 'basic-plan',
        name: 'Basic Plan',
        features: [{ id: 'dashboard-access' }, { id: 'api-calls', limit: 10, overage_enabled: true }],
      },
      {
        id: 'premium-plan',
        name: 'Premium Plan',
        features: [{ id: 'dashboard-access' }, { id: 'api-calls', limit: 1000, overage_enabled: true }],
      },
    ],
  },
  addons: { draft: [], published: [] },
};
