import { randomInt } from 'node:crypto';
import { ownAuthor } from '../audit/rules.ts';
import { installKeyWithin, issueKeyWithin } from '../auth/keys/issue.ts';
import { environmentIds, type KeyShape, lastFourOf, parseKey } from '../auth/keys/rules.ts';
import type { Db } from '../database/client.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { demoUser, missingKeys, startOfMonth } from './rules.ts';
import { insertDemo, isDemoRemoved, isEmpty, lockProvisioning } from './store.ts';

export interface ProvisionOptions {
  /** Configured keys, well-formed. They become valid unless they were revoked. */
  keys: readonly string[];
  /** Whether to add the demo catalogue to an empty test environment. */
  demo: boolean;
}

interface MadeKey extends KeyShape {
  key: string;
}

/** A key as it may be displayed. */
export interface RevokedKey extends KeyShape {
  lastFour: string;
}

export interface Provisioned {
  /** Whether this call created the environments. */
  firstStart: boolean;
  /** The created keys. They are shown only now. */
  madeKeys: MadeKey[];
  /** The configured keys that stay revoked. */
  revokedKeys: RevokedKey[];
  /** Whether the demo user exists. */
  hasDemo: boolean;
}

/**
 * Creates what every installation has: the two environments, their keys, and the demo.
 * Safe to repeat and to run in several processes at once: existing data stays.
 */
export function provision(db: PrismaClient, options: ProvisionOptions, now: Date): Promise<Provisioned> {
  return db.$transaction(
    async (tx) => {
      await lockProvisioning(tx);
      const firstStart = (await tx.environment.count()) === 0;
      if (firstStart) await createEnvironments(tx);
      const revokedKeys = await installKeys(tx, options.keys);
      const madeKeys = firstStart ? await makeKeys(tx, missingKeys(options.keys)) : [];
      if (options.demo && (await isEmpty(tx, 'test')) && !(await isDemoRemoved(tx, 'test')))
        await insertDemo(tx, 'test', startOfMonth(now));
      return { firstStart, madeKeys, revokedKeys, hasDemo: await hasDemo(tx) };
    },
    { maxWait: 30_000, timeout: 60_000 },
  );
}

async function createEnvironments(tx: Db): Promise<void> {
  await tx.environment.createMany({ data: environmentIds.map((id) => ({ id, appId: newAppId(id) })) });
}

/** Such as `test_fhjdijhs`. */
function newAppId(environmentId: string): string {
  const letters = Array.from({ length: 8 }, () => String.fromCharCode(97 + randomInt(26)));
  return `${environmentId}_${letters.join('')}`;
}

async function makeKeys(tx: Db, shapes: KeyShape[]): Promise<MadeKey[]> {
  const made: MadeKey[] = [];
  for (const shape of shapes) {
    const author = ownAuthor('SERVER', shape.environmentId);
    const { key } = await issueKeyWithin(tx, shape.environmentId, shape.kind, author);
    made.push({ ...shape, key });
  }
  return made;
}

/** Installs the configured keys; returns those that stay revoked. */
async function installKeys(tx: Db, keys: readonly string[]): Promise<RevokedKey[]> {
  const revoked: RevokedKey[] = [];
  for (const key of keys) {
    const shape = parseKey(key);
    if (shape === null) throw new TypeError('A key must be well-formed to be installed.');
    const isValid = await installKeyWithin(tx, key, ownAuthor('SERVER', shape.environmentId));
    if (!isValid) revoked.push({ ...shape, lastFour: lastFourOf(key) });
  }
  return revoked;
}

async function hasDemo(tx: Db): Promise<boolean> {
  return (await tx.user.count({ where: { environmentId: 'test', id: demoUser.id } })) > 0;
}
