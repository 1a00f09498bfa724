import type { Caller } from './caller.ts';

/** Users who are moved from one package to another while the machine is harmed. */
export const migrants = 300;
/** What each of them had used before. */
export const carried = 7;
/** How the keys of usage begin that an import brings. */
export const openingKeys = 'import usage:';

/** Makes the users and starts to move them. Answers the id of the migration. */
export async function startMigrating({ call }: Caller): Promise<string> {
  const ok = async (query: string, variables: object) => {
    const { data, error } = await call(query, variables);
    if (error !== null) throw new Error(`${query}: ${error.message}`);
    return data;
  };
  for (const id of ['old', 'new']) {
    const features = [{ id: 'calls', entitlement: { limit: 100, resetPeriod: 'YEAR' } }];
    await ok('mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }', {
      input: { id, features },
    });
    await ok('mutation ($id: String!) { publishPackage(id: $id) { id } }', { id });
  }
  const rows = Array.from({ length: migrants }, (_, index) => `migrant-${index},old,${carried}`);
  // In parts: on a busy machine, all at once may take longer than a sender waits.
  for (let from = 0; from < migrants; from += 50)
    await ok('mutation ($csv: String!) { importUsers(csv: $csv) { rows { outcome } } }', {
      csv: ['id,packages,usage:calls', ...rows.slice(from, from + 50)].join('\n'),
    });
  const { migrateSubscribers } = await ok(
    'mutation { migrateSubscribers(input: { fromPackageId: "old", toPackageId: "new" }) { id total } }',
    {},
  );
  if (migrateSubscribers.total !== migrants) throw new Error(`${migrateSubscribers.total} users would move`);
  return migrateSubscribers.id;
}
