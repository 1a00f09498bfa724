import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PoolClient } from 'pg';
import { changeSubscriptions } from '../../src/subscriptions/settle.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createPackage, createUser } from '../helpers/factories.ts';
import { someoneWaits } from '../helpers/locks.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createPackage(app.database.prisma, { id: 'free' });
  await createPackage(app.database.prisma, { id: 'seats', isAddon: true });
});
afterAll(() => app.close());

const newUser = (id: string) => createUser(app.database.prisma, { id });
const revisionOf = async (key: bigint) =>
  (await app.database.prisma.user.findUniqueOrThrow({ where: { key } })).revision;

/** Runs `work` in a transaction of another connection, and commits it. */
async function inAnotherTransaction<Result>(work: (other: PoolClient) => Promise<Result>): Promise<Result> {
  const other = await app.database.hot.connect();
  try {
    await other.query('begin');
    const result = await work(other);
    await other.query('commit');
    return result;
  } finally {
    other.release();
  }
}

describe('changeSubscriptions', () => {
  it('waits for usage that is being recorded, sees it, and stands after it', async () => {
    const { key } = await newUser('recording');
    const { change, recordedAt } = await inAnotherTransaction(async (recorder) => {
      await recorder.query('select from "user" where key = $1 for key share', [key]);
      const pending = changeSubscriptions(app.database.prisma, key, async (tx, { instant }) => ({
        instant,
        usages: await tx.usageEvent.count({ where: { userKey: key } }),
      }));
      await someoneWaits(app.database);
      const { rows } = await recorder.query(
        `insert into usage_event (user_key, environment_id, feature_id, action, delta, occurred_at)
         values ($1, 'test', 'api-calls', 'ADD', 1, date_trunc('milliseconds', clock_timestamp())) returning occurred_at`,
        [key],
      );
      return { change: { pending }, recordedAt: rows[0].occurred_at as Date };
    });
    const changed = await change.pending;
    expect(changed?.usages).toBe(1);
    expect(changed?.instant.getTime()).toBeGreaterThan(recordedAt.getTime());
  });

  it('makes usage wait until it is committed, and shows it the new revision', async () => {
    const { key } = await newUser('changing');
    let recording: Promise<{ rows: object[] }> | undefined;
    await changeSubscriptions(app.database.prisma, key, async () => {
      recording = app.database.hot.query('select revision from "user" where key = $1 for key share', [key]);
      await someoneWaits(app.database);
    });
    expect((await recording)?.rows).toEqual([{ revision: 1 }]);
  });

  it('works at an instant that has come', async () => {
    const { key } = await newUser('punctual');
    for (let times = 0; times < 20; times += 1) {
      const [row] =
        (await changeSubscriptions(
          app.database.prisma,
          key,
          (tx, { instant }) =>
            tx.$queryRaw<[{ come: boolean }]>`SELECT clock_timestamp() >= ${instant}::timestamptz AS come`,
        )) ?? [];
      expect(row).toEqual({ come: true });
    }
  });

  it('leaves no trace when the work fails', async () => {
    const { key } = await newUser('failing');
    const change = changeSubscriptions(app.database.prisma, key, async (tx, { instant }) => {
      await tx.subscription.create({
        data: { userKey: key, environmentId: 'test', packageId: 'free', isAddon: false, startedAt: instant },
      });
      throw new Error('no');
    });
    await expect(change).rejects.toThrow('no');
    expect(await revisionOf(key)).toBe(0);
    expect(await app.database.prisma.subscription.count({ where: { userKey: key } })).toBe(0);
  });

  it('changes the survivor when the user is merged in the meantime', async () => {
    const [survivor, merged] = [await newUser('survivor'), await newUser('merged')];
    const { pending } = await inAnotherTransaction(async (merger) => {
      await merger.query('update "user" set merged_into = $1 where key = $2', [survivor.key, merged.key]);
      const change = changeSubscriptions(
        app.database.prisma,
        merged.key,
        async (_tx, { userKey }) => userKey,
      );
      await someoneWaits(app.database);
      return { pending: change };
    });
    expect(await pending).toBe(survivor.key);
    expect([await revisionOf(survivor.key), await revisionOf(merged.key)]).toEqual([1, 0]);
  });

  it('does nothing for a user who no longer exists', async () => {
    const { key } = await newUser('gone');
    await app.database.prisma.user.delete({ where: { key } });
    const work = async () => {
      throw new Error('the work must not run');
    };
    expect(await changeSubscriptions(app.database.prisma, key, work)).toBeNull();
  });
});

describe('the database itself', () => {
  const subscribe =
    'mutation ($packageIds: [String!]!, $userId: String!) { subscribe(packageIds: $packageIds, userId: $userId) { id } }';

  it.each([
    ['a second base', [], 'free', 'Cannot subscribe to multiple tiers'],
    [
      'an add-on twice',
      ['free'],
      'seats',
      'Cannot subscribe to a package that the user is already subscribed to.',
    ],
  ])('refuses %s that was written without the lock', async (userId, held, packageId, message) => {
    const { key } = await newUser(userId);
    if (held.length > 0) await app.ok(subscribe, { packageIds: held, userId });
    const { pending } = await inAnotherTransaction(async (careless) => {
      // Without the foreign keys' own locks nothing but the indexes stands between the two.
      await careless.query('set local session_replication_role = replica');
      await careless.query(
        `insert into subscription (user_key, environment_id, package_id, is_addon, started_at)
         values ($1, 'test', $2, $3, now())`,
        [key, packageId, packageId === 'seats'],
      );
      const call = app.fails(subscribe, { packageIds: [packageId], userId });
      await someoneWaits(app.database);
      return { pending: call };
    });
    expect(await pending).toMatchObject({
      message,
      path: ['subscribe'],
      extensions: { code: 'BAD_USER_INPUT', exception: { name: 'SubscriptionError', message } },
    });
    expect(await app.database.prisma.subscription.count({ where: { userKey: key } })).toBe(held.length + 1);
  });
});
