import type { PoolClient } from 'pg';
import type { Db } from '../database/client.ts';

/*
 * Locks on what is not there yet, or not a row. They end with the transaction, and whoever takes several takes
 * them in the order of this list, those of one kind all at once.
 */

/** Whoever makes an id lead to a user, and whoever finds that it does not lead to one. */
export const arrival = (environmentId: string, userId: string) => `user ${environmentId} ${userId}`;

/** Whoever decides by the email who is who. */
export const email = (environmentId: string, address: string) => `email ${environmentId} ${address}`;

/** Whoever changes the rules, against all who decide events by them. */
export const rules = (environmentId: string) => `segment rules ${environmentId}`;

/* Taken in one order, so that nobody waits for each other. */
const lockSql = (kind: '' | '_shared') => `
  select pg_advisory_xact_lock${kind}(key)::text
  from (select distinct hashtextextended(name, 0) as key from unnest($1::text[]) as name order by key) named`;

/** Waits for its turn with each of these. */
export async function lock(client: PoolClient, names: readonly string[]): Promise<void> {
  await client.query(lockSql(''), [names]);
}

const tryLockSql = `
  select name from (select name, hashtextextended(name, 0) as key from unnest($1::text[]) as name order by key) named
  where pg_try_advisory_xact_lock(key)`;

/** Takes those of these that nobody else has; answers them. */
export async function tryLock(client: PoolClient, names: readonly string[]): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(tryLockSql, [names]);
  return new Set(rows.map(({ name }) => name));
}

/** Waits for whoever has one of these to itself; others may share them. */
export async function lockShared(client: PoolClient, names: readonly string[]): Promise<void> {
  await client.query(lockSql('_shared'), [names]);
}

/** The same as `lock`, within a transaction of Prisma's. */
export async function lockIn(tx: Db, names: readonly string[]): Promise<void> {
  await tx.$executeRawUnsafe(lockSql(''), names);
}
