import type { Caller } from './caller.ts';

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
