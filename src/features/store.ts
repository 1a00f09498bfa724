import type { Db } from '../database/client.ts';

/** Locks a feature against every other change until the transaction ends. Packages that name it do not wait. */
export async function lockFeature(db: Db, environmentId: string, id: string): Promise<void> {
  await db.$executeRaw`
    SELECT FROM feature WHERE environment_id = ${environmentId} AND id = ${id} FOR NO KEY UPDATE`;
}
