import type { TestApp } from './app.ts';

// A company that sells a writing app, as its console would show it: for the pictures, and for walking through.

const features = [
  { id: 'api-calls', name: 'API calls', type: 'CONSUMABLE', unitLabel: 'call', unitLabelPlural: 'calls' },
  { id: 'exports', name: 'PDF exports', type: 'CONSUMABLE', unitLabel: 'export', unitLabelPlural: 'exports' },
  { id: 'seats', name: 'Team members', type: 'CONSUMABLE', unitLabel: 'seat', unitLabelPlural: 'seats' },
  { id: 'single-sign-on', name: 'Single sign-on', type: 'BINARY' },
  { id: 'branding', name: 'Custom branding', type: 'BINARY' },
];

const monthly = (id: string, limit: number | null, overageEnabled = false) => ({
  id,
  entitlement: { limit, resetPeriod: 'MONTH', overageEnabled },
});
const price = (id: string, amount: number, interval: string) => ({ id, amount, currency: 'usd', interval });

const packages = [
  { id: 'free', name: 'Free', features: [monthly('api-calls', 500), monthly('exports', 5)], prices: [] },
  {
    id: 'pro',
    name: 'Pro',
    features: [monthly('api-calls', 10_000), monthly('exports', 100), { id: 'branding' }],
    prices: [price('price_pro_month', 2900, 'month'), price('price_pro_year', 29_000, 'year')],
  },
  {
    id: 'team',
    name: 'Team',
    features: [
      monthly('api-calls', 50_000, true),
      monthly('exports', null),
      monthly('seats', 25),
      { id: 'single-sign-on' },
      { id: 'branding' },
    ],
    prices: [price('price_team_month', 9900, 'month')],
  },
  {
    id: 'extra-calls',
    name: 'Extra API calls',
    isAddon: true,
    basePackages: ['pro', 'team'],
    features: [monthly('api-calls', 100_000)],
    prices: [price('price_extra_calls', 1500, 'month')],
  },
];

/** Name, package, the months since the subscription began, and the API calls of a usual day. */
const people: [name: string, packageId: string, months: number, calls: number][] = [
  ['Ada Lovelace', 'pro', 5, 290],
  ['Grace Hopper', 'team', 5, 1_450],
  ['Katherine Johnson', 'pro', 4, 210],
  ['Edsger Dijkstra', 'pro', 4, 120],
  ['Barbara Liskov', 'team', 3, 980],
  ['Donald Knuth', 'free', 3, 18],
  ['Radia Perlman', 'pro', 2, 260],
  ['Alan Kay', 'free', 2, 12],
  ['Frances Allen', 'free', 1, 9],
  ['Ken Thompson', 'pro', 1, 150],
];

const first =
  'Amara Bruno Chiara Dmitri Elif Farid Greta Hanna Imani Jonas Keiko Luca Mireille Nadia Oskar Priya Rosa Samir Tove Yusuf';
const last = 'Abebe Bianchi Costa Dubois Eriksen Fischer Garcia Haddad Ivanova Jensen';

/** 190 more of them, so that pages are as full as they will be. A third of them use little. */
const others = last.split(' ').flatMap((family, at) =>
  first.split(' ').map((given, by): (typeof people)[number] => {
    const n = at * 20 + by;
    const [packageId, calls]: [string, number] =
      n % 9 === 4
        ? ['team', 400 + (n % 7) * 110]
        : n % 3 === 1
          ? ['pro', 60 + (n % 11) * 22]
          : ['free', 3 + (n % 8)];
    return [`${given} ${family}`, packageId, 2 + (n % 4), n % 3 === 0 ? Math.ceil(calls / 3) : calls];
  }),
);
const everybody = [...people, ...others.slice(10)];

const idOf = (name: string) => name.toLowerCase().replaceAll(' ', '-');
const day = 86_400_000;

/** Fills the test environment of an app. The user `ada-lovelace` has used up what Pro grants. */
export async function showcase(app: TestApp): Promise<void> {
  await createCatalogue(app);
  await createPeople(app);
  await recordHistory(app);
  await sendEvents(app);
  await changeSome(app);
}

async function createCatalogue(app: TestApp) {
  const createFeature = 'mutation ($input: CreateFeatureInput!) { createFeature(input: $input) { id } }';
  for (const input of features) await app.ok(createFeature, { input });
  const createPackage = 'mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }';
  const setPrice = `mutation ($id: String!, $input: PackagePriceInput!) {
    setPackagePrice(packageId: $id, input: $input) { id } }`;
  const publish = 'mutation ($id: String!) { publishPackage(id: $id) { id } }';
  for (const { prices, ...input } of packages) {
    await app.ok(createPackage, { input });
    for (const each of prices) await app.ok(setPrice, { id: input.id, input: each });
    await app.ok(publish, { id: input.id });
  }
  const draft = {
    id: 'enterprise',
    name: 'Enterprise',
    features: [monthly('api-calls', null), { id: 'branding' }],
  };
  await app.ok(createPackage, { input: draft });
  await app.ok(createPackage, {
    input: { id: 'starter', name: 'Starter', features: [monthly('exports', 3)] },
  });
  await app.ok('mutation { archivePackage(id: "starter") { id } }');
}

async function createPeople(app: TestApp) {
  const createUser = 'mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }';
  const subscribe = `mutation ($userId: String!, $packageIds: [String!]!) {
    subscribe(userId: $userId, packageIds: $packageIds) { id } }`;
  for (const [index, [name, packageId, months]] of everybody.entries()) {
    const id = idOf(name);
    const email = `${id.replaceAll('-', '.')}@example.com`;
    const isFlagged = packageId === 'free' && index < people.length;
    const billingId = isFlagged ? null : `cus_${4821 + index * 137}`;
    await app.ok(createUser, { input: { id, name, email, billingId } });
    await app.ok(subscribe, { userId: id, packageIds: [packageId] });
    const startedAt = new Date(Date.now() - (months * 30.4 + (index % 10) * 0.7) * day);
    await app.database.prisma.subscription.updateMany({
      where: { environmentId: 'test', user: { id } },
      data: { startedAt },
    });
  }
  await app.ok(createUser, {
    input: { id: 'ada-work', name: 'A. Lovelace', email: 'ada.lovelace@example.com' },
  });
}

/** What a person used on a day: less at weekends, and never twice the same. */
function usageOfDay([name, packageId, , calls]: (typeof people)[number], index: number, ago: number) {
  const at = new Date(Date.now() - ago * day + ((ago * 7 + index * 3) % 9) * 3_600_000);
  const quiet = at.getUTCDay() % 6 === 0 ? 0.35 : 1;
  const wave = 0.75 + 0.25 * Math.sin(ago / 5 + index) + ((ago * 37 + index * 11) % 10) / 40;
  const of = (featureId: string, delta: number) => ({
    userId: idOf(name),
    featureId,
    delta,
    timestamp: at.toISOString(),
  });
  const pace = packageId === 'free' ? 8 : 4;
  return [
    of('api-calls', Math.max(1, Math.round(calls * quiet * wave))),
    ...(ago % pace === index % pace ? [of('exports', 1 + (((ago + index) % 7) % 3))] : []),
    ...(packageId === 'team' && ago % 11 === index % 11 ? [of('seats', 1 + (index % 3))] : []),
  ];
}

/** The last days bring Ada to her limit. */
async function recordHistory(app: TestApp) {
  const record =
    'mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { error { message } } }';
  const usage = everybody.flatMap((person, index) =>
    Array.from({ length: Math.floor(person[2] * 30) }, (_, at) => usageOfDay(person, index, at + 1)).flat(),
  );
  for (let from = 0; from < usage.length; from += 1_000)
    await app.ok(record, { input: usage.slice(from, from + 1_000) });
  const set = 'mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }';
  await app.ok(set, {
    input: { userId: 'ada-lovelace', featureId: 'api-calls', delta: 10_000, action: 'SET' },
  });
  await app.ok(set, { input: { userId: 'grace-hopper', featureId: 'seats', delta: 14, action: 'SET' } });
}

/** What a person did last, by hand, so that the audit log tells of more than new users. */
async function changeSome(app: TestApp) {
  const { apiKeys } = await app.ok('{ apiKeys { id kind } }');
  const nameKey = 'mutation ($id: String!, $name: String!) { updateApiKey(id: $id, name: $name) { id } }';
  for (const [kind, name] of Object.entries({ PRIVATE: 'Backend', PUBLIC: 'Website', WRITE: 'Events' })) {
    const key = apiKeys.find((each: { kind: string }) => each.kind === kind);
    await app.ok(nameKey, { id: key.id, name });
  }
  const endsAt = new Date(Date.now() + 4 * day).toISOString();
  const grant = {
    userId: 'radia-perlman',
    featureId: 'api-calls',
    limit: 20_000,
    resetPeriod: 'MONTH',
    endsAt,
  };
  await app.ok('mutation ($input: GrantFeatureInput!) { grantFeature(input: $input) { id } }', {
    input: { ...grant, reason: 'A trial of the new import' },
  });
  await app.ok('mutation { updateFeature(id: "seats", input: { name: "Members" }) { id } }');
  await app.ok('mutation { updateFeature(id: "seats", input: { name: "Team members" }) { id } }');
  await app.ok(
    'mutation { changePackage(userId: "ken-thompson", packageId: "team") { subscription { id } } }',
  );
}

async function sendEvents(app: TestApp) {
  const rule = 'mutation ($input: MappingRuleInput!) { createMappingRule(input: $input) { id } }';
  const input = { name: 'Exports of documents', featureId: 'exports', eventName: 'Document Exported' };
  await app.ok(rule, { input });
  const event = (n: number, name: string, event: string, properties: object) => ({
    type: 'track',
    messageId: `ajs-${1000 + n}`,
    userId: idOf(name),
    event,
    properties,
  });
  const [ada, grace, katherine] = ['Ada Lovelace', 'Grace Hopper', 'Katherine Johnson'];
  const events = [
    ...[1, 2, 3].map((n) => event(n, ada ?? '', 'Document Exported', { format: 'pdf', pages: n * 4 })),
    event(4, katherine ?? '', 'Document Exported', { format: 'pdf', pages: 12 }),
    ...[5, 6, 7].map((n) => event(n, grace ?? '', 'Member Invited', { role: 'editor' })),
    event(8, grace ?? '', 'Member Invited', { role: 'viewer' }),
    ...[9, 10].map((n) => event(n, ada ?? '', 'Draft Shared', { with: 'link' })),
    event(11, 'Margaret Hamilton', 'Document Exported', { format: 'pdf', pages: 2 }),
    { type: 'identify', messageId: 'ajs-900', userId: 'ken-thompson', traits: { name: 'Ken Thompson' } },
  ];
  await app.http.post('/segment/events').set('Authorization', app.keys.test).send(events);
}
