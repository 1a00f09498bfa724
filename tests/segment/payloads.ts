/* Events as Segment's published specification shows them, whole. */

const common = {
  anonymousId: '23adfd82-aa0f-45a7-a756-24f2a7a4c895',
  channel: 'browser',
  context: {
    active: true,
    app: { name: 'InitechGlobal', version: '545', build: '3.0.1.545', namespace: 'com.production.segment' },
    campaign: {
      name: 'TPS Innovation Newsletter',
      source: 'Newsletter',
      medium: 'email',
      term: 'tps reports',
    },
    device: {
      id: 'B5372DB0-C21E-11E4-8DFC-AA07A5B093DB',
      advertisingId: '7A3CBEA0-BDF5-11E4-8DFC-AA07A5B093DB',
      adTrackingEnabled: true,
      manufacturer: 'Apple',
      model: 'iPhone7,2',
      name: 'maguro',
      type: 'ios',
      token: 'ff15bc0c20c4aa6cd50854ff165fd265c838e5405bfeb9571066395b8c9da449',
    },
    ip: '8.8.8.8',
    library: { name: 'analytics.js', version: '2.11.1' },
    locale: 'en-US',
    network: { bluetooth: false, carrier: 'T-Mobile US', cellular: true, wifi: false },
    os: { name: 'iPhone OS', version: '8.1.3' },
    page: {
      path: '/academy/',
      referrer: '',
      search: '',
      title: 'Analytics Academy',
      url: 'https://segment.com/academy/',
    },
    referrer: { id: 'ABCD582CDEFFFF01919', type: 'dataxu' },
    screen: { width: 320, height: 568, density: 2 },
    groupId: '12345',
    timezone: 'Europe/Amsterdam',
    userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 9_1 like Mac OS X) AppleWebKit/601.1.46',
  },
  integrations: { All: true, Mixpanel: false, Salesforce: false },
  receivedAt: '2015-12-10T04:08:31.909Z',
  sentAt: '2015-12-10T04:08:31.581Z',
  timestamp: '2015-12-10T04:08:31.905Z',
  originalTimestamp: '2015-12-10T04:08:31.577Z',
  version: '1.1',
};

export const specIdentify = {
  ...common,
  messageId: 'ajs-f8ca1e4de5024d9430b3928bd8ac6b96',
  type: 'identify',
  userId: '97980cfea0067',
  traits: {
    name: 'Peter Gibbons',
    email: 'peter@example.com',
    plan: 'premium',
    logins: 5,
    address: { street: '6th St', city: 'San Francisco', state: 'CA', postalCode: '94103', country: 'USA' },
  },
};

export const specTrack = {
  ...common,
  messageId: 'ajs-f8ca1e4de5024d9430b3928bd8ac6b97',
  type: 'track',
  userId: '97980cfea0067',
  event: 'Registered',
  properties: { plan: 'Pro Annual', accountType: 'Facebook', featureId: 'messages', delta: '4' },
};

export const specPage = {
  ...common,
  messageId: '022bb90c-bbac-11e4-8dfc-aa07a5b093db',
  type: 'page',
  userId: '97980cfea0067',
  name: 'Home',
  properties: { title: 'Welcome | Initech', url: 'http://www.example.com' },
};

export const specScreen = {
  ...common,
  messageId: '022bb90c-bbac-11e4-8dfc-aa07a5b093dc',
  type: 'screen',
  userId: '97980cfea0067',
  name: 'Home',
  properties: { 'Feed Type': 'private' },
};

export const specGroup = {
  ...common,
  messageId: '022bb90c-bbac-11e4-8dfc-aa07a5b093dd',
  type: 'group',
  userId: '97980cfea0067',
  groupId: '0e8c78ea9d97a7b8185e8632',
  traits: { name: 'Initech', industry: 'Technology', employees: 329, plan: 'enterprise' },
};

export const specAlias = {
  ...common,
  messageId: '022bb90c-bbac-11e4-8dfc-aa07a5b093de',
  type: 'alias',
  previousId: '39239-239239-239239-23923',
  userId: '97980cfea0067',
};
