import type { Pool } from 'pg';
import { createLane } from '../database/lane.ts';
import { featureNotFound, userNotFound } from '../errors.ts';
import type { ResetPeriod, Standing } from './rules.ts';

/** A user and a feature, by the ids that customers chose. */
export interface Question {
  environmentId: string;
  userId: string;
  featureId: string;
}

/** Answers where a user stands with a feature now. UserNotFoundError or FeatureNotFoundError if unknown. */
export type FindStanding = (question: Question) => Promise<Standing>;

/** A winning grant as SQL answers it; every column is null when nothing is granted. */
export interface GrantRow {
  subscription_id: string | null;
  started_at: Date;
  limit: number | null;
  reset_period: ResetPeriod | null;
  overage_enabled: boolean;
  used: string | null;
}

interface StandingRow extends GrantRow {
  user_key: string | null;
  feature_type: Standing['featureType'] | null;
}

/**
 * The winner of rules.ts (highestGrant) as a lateral join: of the live subscriptions of `userKey` that contain
 * `featureId`, the one that counts. Held to the rule by a randomized test.
 */
export const winnerSql = (userKey: string, featureId: string) => `
  left join lateral (
    select s.id as subscription_id, s.started_at, pf."limit", pf.reset_period, pf.overage_enabled,
      usage_window_start(s.started_at, pf.reset_period, now()) as window_start
    from subscription s
    join package_feature pf on pf.environment_id = s.environment_id and pf.package_id = s.package_id
    where s.user_key = ${userKey} and pf.feature_id = ${featureId} and s.status in ('ACTIVE', 'TRIALING')
    order by pf."limit" desc nulls first, pf.overage_enabled desc, s.started_at, s.id
    limit 1
  ) winner on true
  left join usage_counter counter
    on counter.user_key = ${userKey} and counter.subscription_id = winner.subscription_id
    and counter.feature_id = ${featureId} and counter.window_start = winner.window_start`;

const standingSql = `
  with question as (
    select q.ord, f.type as feature_type, f.id as feature_id, coalesce(u.merged_into, u.key) as user_key
    from unnest($1::text[], $2::text[], $3::text[]) with ordinality as q(environment_id, user_id, feature_id, ord)
    left join "user" u on u.environment_id = q.environment_id and u.id = q.user_id
    left join feature f on f.environment_id = q.environment_id and f.id = q.feature_id
  )
  select q.user_key, q.feature_type, winner.subscription_id, winner.started_at, winner."limit",
    winner.reset_period, winner.overage_enabled, counter.used
  from question q ${winnerSql('q.user_key', 'q.feature_id')}
  order by q.ord`;

/** Reads the standings of concurrent questions together; see createLane. */
export function createStandingFinder(hot: Pool): FindStanding {
  return createLane<Question, Standing>({ connections: 2, maxItems: 1_000 }, async (questions) => {
    const { rows } = await hot.query<StandingRow>({
      name: 'standing',
      text: standingSql,
      values: [
        questions.map((question) => question.environmentId),
        questions.map((question) => question.userId),
        questions.map((question) => question.featureId),
      ],
    });
    return questions.map(({ userId, featureId }, index) => {
      const row = rows[index];
      if (!row?.user_key) return userNotFound(userId);
      if (!row.feature_type) return featureNotFound(featureId);
      return standingOf(row.feature_type, row);
    });
  });
}

export function standingOf(featureType: Standing['featureType'], row: GrantRow): Standing {
  const grant =
    row.subscription_id === null
      ? null
      : {
          subscriptionId: BigInt(row.subscription_id),
          startedAt: row.started_at,
          limit: row.limit,
          resetPeriod: row.reset_period,
          overageEnabled: row.overage_enabled,
        };
  return { featureType, grant, used: Number(row.used ?? 0) };
}
