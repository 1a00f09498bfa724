import type { Caller } from './caller.ts';
import type { Postgres } from './postgres.ts';

/** Users by what happens to them. */
export const users = {
  /** Plain and SET usage, in single calls and in lists. */
  plain: names('plain', 8),
  /** Enforced usage, in races for the rest of a hard limit. */
  limited: names('limited', 4),
  /** Changes of the package while usage is recorded. */
  moving: names('moving', 4),
  /** Top-ups, and enforced usage in races for what remains of them. */
  topped: names('topped', 2),
  /** Reservations, in races for the rest of a hard limit. */
  reserving: names('reserving', 3),
};
export const packages = ['first', 'second'] as const;
/** How many credits, and tokens, a user of either package may use. */
export const hardLimit = 30;

/** The users and features whose whole history is checked: those whose packages stay. */
export const checked: [userId: string, featureId: string][] = [
  ...users.plain.flatMap((id): [string, string][] => [
    [id, 'calls'],
    [id, 'seats'],
  ]),
  ...users.limited.map((id): [string, string] => [id, 'credits']),
];

function names(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${kind}-${index}`);
}

/** Makes the features, packages, users and subscriptions that the load is about. */
export async function createCatalogue({ call }: Caller): Promise<void> {
  const ok = async (query: string, variables: object) => {
    const { error } = await call(query, variables);
    if (error !== null) throw new Error(`${query}: ${error.message}`);
  };
  for (const id of ['calls', 'seats', 'credits', 'tokens'])
    await ok('mutation ($input: CreateFeatureInput!) { createFeature(input: $input) { id } }', {
      input: { id, type: 'CONSUMABLE' },
    });
  for (const id of packages) {
    const features = [
      { id: 'calls' },
      { id: 'seats' },
      { id: 'credits', entitlement: { limit: hardLimit, resetPeriod: 'YEAR' } },
      { id: 'tokens', entitlement: { limit: hardLimit, resetPeriod: 'YEAR' } },
    ];
    await ok('mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }', {
      input: { id, features },
    });
    await ok('mutation ($id: String!) { publishPackage(id: $id) { id } }', { id });
  }
  for (const id of Object.values(users).flat()) {
    await ok('mutation ($id: String!) { createUser(input: { id: $id }) { id } }', { id });
    await ok('mutation ($id: String!) { subscribe(userId: $id, packageIds: ["first"]) { id } }', { id });
  }
}

/** The key of the other environment, whose work is to harm nobody. */
export const neighbourKey = `prv_live_${'b'.repeat(32)}`;

/** Makes what the neighbour works on; see noise.mjs. What is there already stays. */
export async function createNeighbour({ call }: Caller, postgres: Postgres): Promise<void> {
  for (const query of [
    'mutation { createFeature(input: { id: "calls", type: CONSUMABLE }) { id } }',
    'mutation { createPackage(input: { id: "basic", features: [{ id: "calls", entitlement: { limit: 1000000000 } }] }) { id } }',
    'mutation { publishPackage(id: "basic") { id } }',
    'mutation { createUser(input: { id: "crowd-1" }) { id } }',
    'mutation { subscribe(userId: "crowd-1", packageIds: ["basic"]) { id } }',
  ])
    await call(query, {});
  await postgres.query(`
    insert into "user" (environment_id, id, metadata, updated_at)
    select 'live', 'customer-' || n, jsonb_build_object('notes', repeat(md5(n::text), 500)), now()
    from generate_series(1, 2000) n on conflict do nothing`);
  for (const [id, count] of Object.entries({
    ...{ storied: 50_000, 'first-of-two': 1, 'first-other': 20_000 },
    ...{ 'second-of-two': 1, 'second-other': 20_000 },
  }))
    await postgres.query(`
      with made as (
        insert into "user" (environment_id, id, updated_at) values ('live', '${id}', now())
        on conflict do nothing returning key
      )
      insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at)
      select key, 'live', 'calls', (case when n % 40 = 0 then 'SET' else 'ADD' end)::"UsageAction", 1,
        now() - n * interval '10 seconds'
      from made, generate_series(1, ${count}) n`);
}
