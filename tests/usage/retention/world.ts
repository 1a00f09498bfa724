import { expect } from '@jest/globals';
import fc from 'fast-check';
import { amountOf } from '../../../src/amount.ts';
import { findAll } from '../../../src/cli/findings.ts';
import { sealLogs } from '../../../src/seals/seal.ts';
import { followPartitions } from '../../../src/usage/ledger/partitions.ts';
import { createUsageRecorder } from '../../../src/usage/record/record.ts';
import type { Usage } from '../../../src/usage/record/rules.ts';
import { rollUp } from '../../../src/usage/rollup/rollup.ts';
import { startTestApp } from '../../helpers/app.ts';
import { day, featureIds, subscribeAtRandom } from '../../helpers/random-subscriptions.ts';

export const people = 12;
export const userId = (index: number) => `user-${index}`;

/** Few hours and many events, so that events share hours with those of other windows, and SETs come between them. */
const usage = (keys: string, now: number) =>
  fc.record({
    person: fc.nat(people - 1),
    featureId: fc.constantFrom(...featureIds),
    action: fc.constantFrom<'ADD' | 'SET'>('ADD', 'ADD', 'ADD', 'ADD', 'ADD', 'ADD', 'SET'),
    delta: fc.oneof(fc.integer({ min: 0, max: 20 }).map(amountOf), fc.bigInt({ min: 0n, max: 20_000_000n })),
    revert: fc.boolean(),
    timestamp: fc.oneof(
      {
        weight: 4,
        arbitrary: fc
          .tuple(fc.nat(2), fc.integer({ min: 0, max: 60 }))
          .map(([hours, minutes]) => new Date(now - 3 * day - hours * 3_600_000 - minutes * 60_000)),
      },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 520 * day }).map((ago) => new Date(now - ago)) },
    ),
    idempotencyKey: fc.option(fc.integer({ min: 0, max: 300 }).map((number) => `${keys} ${number}`)),
    enforce: fc.constantFrom(false, false, false, true),
  });

/** Random usage of random users, as if all of it had been recorded ten months ago. */
export async function startWorld(seed: number, now: number) {
  const app = await startTestApp();
  const stop = new AbortController().signal;
  const userIds = Array.from({ length: people }, (_, index) => userId(index));
  await subscribeAtRandom(app.database.prisma, { seed, now, userIds, oldest: 500, longest: 100, most: 4 });
  const keyOf = new Map((await app.database.prisma.user.findMany()).map(({ id, key }) => [id, key]));
  await app.database.work.query(
    `alter table usage_event alter recorded_at set default now() - interval '10 months'`,
  );
  const sql = async (text: string, values: unknown[] = []) =>
    (await app.database.work.query(text, values)).rows;
  return {
    app,
    keyOf,
    sql,

    async record(keys: string, count: number, seed: number): Promise<void> {
      const recordUsage = createUsageRecorder(app.database.hot);
      const usages = fc.sample(usage(keys, now), { seed, numRuns: count }).map(
        ({ person, revert, ...facts }): Usage => ({
          ...facts,
          environmentId: 'test',
          source: 'API',
          userId: userId(person),
          delta: revert && facts.action === 'ADD' ? -facts.delta : facts.delta,
        }),
      );
      for (let first = 0; first < usages.length; first += 500) {
        const some = usages
          .slice(first, first + 500)
          .map((one) => recordUsage([one], { withStanding: true }));
        const faults = (await Promise.all(some))
          .flat()
          .filter((result) => result instanceof Error && !/Conflict|UserNotFound/.test(result.name));
        expect(faults).toEqual([]);
      }
    },

    /** A new month: the ids move on to the next partition. */
    moveOn: () => followPartitions({ pool: app.database.work }),

    async followLedger(): Promise<void> {
      await rollUp({ pool: app.jobs, stop });
      await sealLogs({ pool: app.jobs, stop });
    },

    /** What verify finds, as lines. */
    async findLines(): Promise<string[]> {
      const lines: string[] = [];
      await findAll(
        app.database.hot,
        (line) => lines.push(line),
        () => undefined,
      );
      return lines.filter((line) => !/users verified, 0 counters differ/.test(line));
    },

    /** All that is counted: counters, hours, totals and what top-ups and checks say. */
    async counted() {
      const entitlements: unknown[] = [];
      for (const id of keyOf.keys())
        entitlements.push(
          await app
            .ok(
              `query ($id: String!) { entitlements(userId: $id) { feature { id } entitlement { access reason consumption { used budget } } } }`,
              { id },
            )
            .catch(() => null),
        );
      return {
        entitlements,
        counters: await sql(
          'select user_key, subscription_id, feature_id, window_start, trim_scale(used) as used from usage_counter order by user_key, subscription_id, feature_id, window_start',
        ),
        hours: await sql(
          'select user_key, feature_id, hour, trim_scale(used) as used from usage_hour where used <> 0 order by user_key, feature_id, hour',
        ),
        totals: await sql(
          'select environment_id, feature_id, hour, trim_scale(used) as used from feature_hour where used <> 0 order by environment_id, feature_id, hour',
        ),
      };
    },
  };
}

export type World = Awaited<ReturnType<typeof startWorld>>;
