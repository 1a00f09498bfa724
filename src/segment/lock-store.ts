import type { PoolClient } from 'pg';
import type { Db } from '../database/client.ts';

/*
 * Advisory locks on what has no row yet. They end with the transaction. A transaction that takes several kinds
 * takes them in the order of this list, and all locks of one kind at once.
 */

/** Held while an id begins to lead to a user, and while an event of an unknown user is left to wait. */
export const arrival = (environmentId: string, userId: string) => `user ${environmentId} ${userId}`;

/** Held while an email decides which user an identify event is about. */
export const email = (environmentId: string, address: string) => `email ${environmentId} ${address}`;

const rulesPrefix = 'segment rules ';

/** Held alone while rules change, and shared while they decide events. */
export const rules = (environmentId: string) => rulesPrefix + environmentId;

/* In one order of keys: two transactions never deadlock. */
const lockSql = (kind: '' | '_shared', name = 'name') => `
  select pg_advisory_xact_lock${kind}(key)::text
  from (select distinct hashtextextended(${name}, 0) as key from unnest($1::text[]) as name order by key) named`;

/** Shares the locks on the rules of these environments. */
export const lockRulesSharedSql = lockSql('_shared', `'${rulesPrefix}' || name`);

/** Takes these locks; waits for other holders. */
export async function lock(client: PoolClient, names: readonly string[]): Promise<void> {
  await client.query(lockSql(''), [names]);
}

const tryLockSql = `
  select name from (select name, hashtextextended(name, 0) as key from unnest($1::text[]) as name order by key) named
  where pg_try_advisory_xact_lock(key)`;

/** Takes those of these locks that have no other holder. @returns their names */
export async function tryLock(client: PoolClient, names: readonly string[]): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(tryLockSql, [names]);
  return new Set(rows.map(({ name }) => name));
}

/** The same as `lock`, in a transaction of Prisma. */
export async function lockIn(tx: Db, names: readonly string[]): Promise<void> {
  await tx.$executeRawUnsafe(lockSql(''), names);
}
